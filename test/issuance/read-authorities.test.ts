import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseCatalogueFile, problemsOfFile, type ParsedCatalogue } from '../../src/catalogue/parse-catalogue-file.js';
import { printProblem } from '../../src/catalogue/problem.js';
import { planChange } from '../../src/catalogue/plan-change.js';
import { readAuthorities } from '../../src/issuance/read-authorities.js';
import { LocalSecretReferences } from '../../src/platform/keys/secret-references.js';
import { catalogueOf, example } from '../catalogue/example.js';
import { createAuthority } from '../rig/certificates.js';

const [authority, another] = [createAuthority('Private authority'), createAuthority('Another authority')];
const withCa = example.replace('profile: standard', 'profile: standard, ca: file:ca.pem');
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'corridor-ca-'));
});
afterEach(() => rm(directory, { recursive: true }));

async function parse(content: string | null): Promise<ParsedCatalogue> {
  if (content !== null) await writeFile(path.join(directory, 'ca.pem'), content);
  return parseCatalogueFile(withCa, 'corridor.yaml', await readAuthorities(withCa, new LocalSecretReferences({}, directory)));
}

async function problems(content: string | null): Promise<readonly string[]> {
  const parsed = await parse(content);
  return parsed.ok ? [] : parsed.problems.map(printProblem);
}

describe('the authorities of an authorization server', () => {
  it('are what their file holds when the catalogue is applied: certificates, and nothing else of it', async () => {
    const parsed = await parse(`# ours\n${authority.cert}\n${another.cert}${authority.certify('x').key}`);
    expect(parsed).toMatchObject({ ok: true, catalogue: { authorizationServers: { demo: { ca: { path: 'ca.pem' } } } } });
    if (!parsed.ok) return;
    expect(parsed.catalogue.authorizationServers.demo?.ca?.pem.replaceAll('\n', '')).toBe(
      (authority.cert + another.cert).replaceAll('\n', ''),
    );
  });

  it('are a change of the catalogue when the file holds others', async () => {
    const [one, other] = [await parse(authority.cert), await parse(another.cert)];
    if (!one.ok || !other.ok) throw new Error('a catalogue is wrong');
    expect(planChange(one.catalogue, other.catalogue)).toMatchObject([{ action: 'change', kind: 'authorization server', id: 'demo' }]);
    expect(planChange(catalogueOf(example), one.catalogue)).toHaveLength(1);
  });

  it.each([
    ['cut off', authority.cert.slice(0, 300), 'names a file with a certificate that cannot be read: it must be X.509 in PEM'],
    [
      'changed',
      authority.cert.replace(/\n.{8}/, '\nc4n4ryAA'),
      'names a file with a certificate that cannot be read: it must be X.509 in PEM',
    ],
    ['something else', 'c4n4ry', 'names a file without a certificate: put those of the authorities into it, in PEM'],
    [
      'not there',
      null,
      'is of no use: file:ca.pem cannot be read (ENOENT): make sure that it is there and that Corridor’s user may read it',
    ],
  ])('are refused by line and column when the file is %s', async (_, content, message) => {
    expect(await problems(content)).toEqual([`corridor.yaml:4:67: authorization_servers.demo.ca ${message.replace('’', "'")}`]);
  });

  it('are never those of a file that was not read', () => {
    expect(problemsOfFile(withCa, 'corridor.yaml')).toEqual([]);
    expect(parseCatalogueFile(withCa, 'corridor.yaml').ok).toBe(false);
  });
});
