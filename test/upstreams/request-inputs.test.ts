import fc from 'fast-check';
import { AuthorizationDetails } from '../../src/oauth/authorization-details.js';
import { Scope } from '../../src/oauth/scope.js';
import { cacheKey, requestInputs, type Inputs } from '../../src/upstreams/request-inputs.js';
import { client, metadata, profile, resource, secretCredential, server, wish } from './wish.js';

const text = fc.string({ unit: 'binary', maxLength: 8 });
const inputs: fc.Arbitrary<Inputs> = fc.array(fc.tuple(text, text), { maxLength: 5 });

describe('the key of a cached token (A67)', () => {
  it('differs whenever any name, any value, their order or the isolation domain differs', () => {
    fc.assert(
      fc.property(inputs, inputs, text, text, (one, other, domain, otherDomain) => {
        const same = JSON.stringify([one, domain]) === JSON.stringify([other, otherDomain]);
        expect(cacheKey(one, domain) === cacheKey(other, otherDomain)).toBe(same);
      }),
    );
  });

  it('differs when any one value is changed in any way', () => {
    fc.assert(
      fc.property(fc.nat(), text, (index, value) => {
        const original = requestInputs(wish(), metadata());
        const at = index % original.length;
        fc.pre(original[at]?.[1] !== value);
        const changed = original.map(([name, before], place) => [name, place === at ? value : before] as const);
        expect(cacheKey(changed, 'run01')).not.toBe(cacheKey(original, 'run01'));
      }),
    );
  });

  it('does not depend on where one text ends and the next begins', () => {
    fc.assert(
      fc.property(fc.array(text, { minLength: 2, maxLength: 6 }), fc.nat(), (texts, index) => {
        const at = index % (texts.length - 1);
        const moved = [...texts];
        moved.splice(at, 2, (texts[at] ?? '') + (texts[at + 1] ?? ''), '');
        fc.pre(JSON.stringify(moved) !== JSON.stringify(texts));
        const pairs = (all: readonly string[]): Inputs => all.map((one) => ['', one]);
        expect(cacheKey(pairs(moved), 'd')).not.toBe(cacheKey(pairs(texts), 'd'));
      }),
    );
  });

  it.each([
    ['issuer', wish(), metadata({ issuer: 'https://as.example/' })],
    ['token endpoint', wish(), metadata({ tokenEndpoint: 'https://as.example/token2' })],
    ['server', wish({ server: server({ id: 'other' }) })],
    ['profile', wish({ server: server({ profile: profile({ toleratedExtraScopes: ['openid'] }) }) })],
    ['client', wish({ client: client({ id: 'other' }) })],
    ['client_id', wish({ client: client({ clientId: 'other' }) })],
    ['method', wish({ client: client({ method: 'private_key_jwt' }) })],
    ['longest life', wish({ client: client({ maxTokenLife: 60 }) })],
    ['version of the credential', wish({ credential: secretCredential('canary secret', { id: 'creother' }) })],
    ['resource', wish({ resource: resource({ uri: 'https://crm.example/api/' }) })],
    ['name of the resource at its server', wish({ resource: resource({ audience: 'api://crm' }) })],
    ['verification of the audience', wish({ resource: resource({ verifyAudience: true }) })],
    ['constraint of the sender', wish({ resource: resource({ senderConstraint: 'mtls' }) })],
    ['scope', wish({ scope: Scope.of(['crm:read', 'crm:write']) })],
    ['authorization details', wish({ details: AuthorizationDetails.parse('[{"type":"payment"}]') })],
    ['isolation domain', wish(), metadata(), 'run02'],
  ])('differs with the %s', (_, one, about = metadata(), domain = 'run01') => {
    expect(cacheKey(requestInputs(one, about), domain)).not.toBe(cacheKey(requestInputs(wish(), metadata()), 'run01'));
  });

  it('is the same for the same request, in whatever order its scopes were asked for', () => {
    const [one, other] = [Scope.of(['a', 'b']), Scope.of(['b', 'a'])].map((scope) =>
      cacheKey(requestInputs(wish({ scope }), metadata()), 'run01'),
    );
    expect(one).toBe(other);
    expect(one).toMatch(/^[0-9a-f]{64}$/);
  });

  it('keeps no secret among its inputs (A60)', () => {
    expect(JSON.stringify(requestInputs(wish(), metadata()))).not.toContain('canary');
  });
});
