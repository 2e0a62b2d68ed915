import type { Surroundings } from './command.js';

/** The command line of a process: its environment, its directory and its streams. */
export function surroundingsOf(process: NodeJS.Process): Surroundings {
  // whoever reads has read enough, as in `corridor entries | head -1`
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
    process.stderr.write(`Standard output cannot be written (${error.code ?? error.message}).\n`);
    process.exit(1);
  });
  process.stderr.on('error', () => undefined); // nobody is left to be told
  return {
    environment: process.env,
    directory: process.cwd(),
    terminal: process.stdin.isTTY,
    out: (text) => void process.stdout.write(`${text}\n`),
    warn: (text) => void process.stderr.write(`${text}\n`),
    readStandardInput: async () => {
      process.stdin.setEncoding('utf8');
      let text = '';
      for await (const chunk of process.stdin) text += String(chunk);
      return text;
    },
  };
}
