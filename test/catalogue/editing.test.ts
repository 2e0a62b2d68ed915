import { durationPattern, parseDuration, printDuration } from '../../src/catalogue/duration.js';
import { catalogueJsonSchema } from '../../src/catalogue/json-schema.js';
import { catalogueTemplate } from '../../src/catalogue/template.js';
import { emptyCatalogue } from '../../src/catalogue/catalogue.js';
import { catalogueOf, readProjectFile } from './example.js';

describe('what helps to write a catalogue file', () => {
  it('is a published JSON Schema that is the one of the code (node scripts/write-schemas.mjs after a build)', () => {
    expect(JSON.parse(readProjectFile('docs/corridor.schema.json'))).toEqual(catalogueJsonSchema());
  });

  it('is a schema that knows every section and refuses other members', () => {
    expect(catalogueJsonSchema()).toMatchObject({
      $schema: 'http://json-schema.org/draft-07/schema#',
      required: ['version'],
      additionalProperties: false,
      properties: {
        version: { const: 1 },
        clients: {
          anyOf: [{ additionalProperties: { properties: { rotate_every: { pattern: durationPattern.source } } } }, { type: 'null' }],
        },
      },
    });
  });

  it('is a template that begins with its schema and is an empty catalogue', () => {
    const template = catalogueTemplate('docs/corridor.schema.json');
    expect(template.split('\n')[0]).toBe('# yaml-language-server: $schema=docs/corridor.schema.json');
    expect(catalogueOf(template)).toEqual(emptyCatalogue);
  });

  it('is a template whose example is a catalogue once its lines are no comments', () => {
    const uncommented = catalogueTemplate('x').replace(/^# {3}/gm, '  ');
    const catalogue = catalogueOf(uncommented);
    expect(Object.keys(catalogue.clients)).toEqual(['indexer']);
    expect(Object.keys(catalogue.runtimes)).toEqual(['ci', 'github']);
    expect(catalogue.workflows['nightly-index']?.labels).toEqual({ environment: 'production' });
  });

  it('is a way to write durations', () => {
    expect([30, 900, 3600, 7_776_000, 0, 90, 5400].map(printDuration)).toEqual(['30s', '15m', '1h', '90d', '0s', '90s', '90m']);
    for (const seconds of [1, 59, 60, 61, 3600, 86_400, 90_061]) expect(parseDuration(printDuration(seconds))).toBe(seconds);
    for (const text of ['', '1', '1w', '-1h', '1.5h', '01h', ' 1h', '1h ', '1h30m', '99999d', '9999999999s'])
      expect(parseDuration(text)).toBeNull();
  });
});
