import { serve } from './serve.js';

// whoever reads the log may go before Corridor does, and nobody is left to be told
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

process.exitCode = await serve(process.env, process.cwd());
