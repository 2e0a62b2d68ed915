// What a person sees: steps, lines with a label, and a verdict where something had to be so. Colours on a terminal only.
const colours = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;
const paint = (code) => (text) => (colours ? `\u001b[${code}m${text}\u001b[0m` : text);
export const bold = paint('1');
export const dim = paint('2');
export const green = paint('32');
export const red = paint('31');

export class Screen {
  #steps = 0;
  #failures = 0;

  get failures() {
    return this.#failures;
  }

  heading(text) {
    console.log(`\n${bold(text)}`);
  }

  step(text) {
    this.#steps += 1;
    this.heading(`${this.#steps}  ${text}`);
  }

  line(label, text) {
    console.log(`   ${dim(label.padEnd(10))} ${text}`);
  }

  text(text) {
    for (const line of text.trimEnd().split('\n')) console.log(`   ${line}`);
  }

  /** Says what something was, and remembers when it was not as it must be. */
  expect(label, expected, actual, detail = '') {
    if (actual === expected) return this.line(label, `${green('✓')} ${actual}  ${dim(detail)}`.trimEnd());
    this.#failures += 1;
    this.line(label, `${red('✗')} ${actual}  ${dim(detail)} ${red(`but it must be: ${expected}`)}`);
  }
}
