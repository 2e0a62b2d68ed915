/** Figures and progress, past jest's own printing. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
