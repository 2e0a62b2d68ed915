// The thread that makes a new database. It ends when that is done, and with it the half gigabyte that initdb takes.
import { workerData } from 'node:worker_threads';
import { z } from 'zod';
import { createDatabase } from './create-database.js';

const { directory } = z.object({ directory: z.string() }).parse(workerData);
await createDatabase(directory);
