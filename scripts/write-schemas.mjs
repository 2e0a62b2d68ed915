// Writes the JSON Schemas that docs/ publishes from the built code. Run after `npm run build`; a test tells when it was forgotten.
import { writeFile } from 'node:fs/promises';
import * as prettier from 'prettier';
import { catalogueJsonSchema } from '../dist/catalogue/json-schema.js';

const target = new URL('../docs/corridor.schema.json', import.meta.url);
const options = { ...(await prettier.resolveConfig(target)), parser: 'json' };
await writeFile(target, await prettier.format(JSON.stringify(catalogueJsonSchema()), options));
console.log('wrote docs/corridor.schema.json');
