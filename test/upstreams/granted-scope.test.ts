import { Scope } from '../../src/oauth/scope.js';
import { jwt, success } from './answers.js';
import { inShort, read, tokenOf } from './reading.js';
import { profile, server, wish } from './wish.js';

describe('the scope of a token', () => {
  const asked = wish({ scope: Scope.of(['crm:read', 'crm:write']) });

  it.each([undefined, null])('is what was asked for where the response says %j (A54, Q36)', (scope) => {
    expect(tokenOf(read(success({ scope }), asked)).granted.tokens).toEqual(['crm:read', 'crm:write']);
  });

  it.each(['crm:write', ' crm:write ', 'crm:write crm:write'])('is narrower when the response says %j (A55)', (scope) => {
    expect(tokenOf(read(success({ scope }), asked)).granted.tokens).toEqual(['crm:write']);
  });

  it.each(['crm:read admin', 'crm:read CRM:READ', 'admin'])('is refused when the response says %j: broader than asked (A56)', (scope) => {
    expect(inShort(read(success({ scope })))).toBe('refused scope_broader opaque-token');
  });

  it('is recorded as far as it fits when it is refused', () => {
    const outcome = read(success({ scope: Array.from({ length: 5000 }, (_, index) => `s${index}`).join(' ') + ' ' + 'x'.repeat(10_000) }));
    expect(outcome).toMatchObject({ kind: 'refused', fault: 'scope_broader' });
    if (outcome.kind === 'refused') expect(outcome.token?.granted.tokens).toHaveLength(32);
  });

  it('may hold what the profile tolerates, and nothing else besides (A56, Q25)', () => {
    const tolerant = wish({ server: server({ profile: profile({ toleratedExtraScopes: ['profile', 'email'] }) }) });
    expect(tokenOf(read(success({ scope: 'crm:read profile' }), tolerant)).granted.tokens).toEqual(['crm:read', 'profile']);
    expect(inShort(read(success({ scope: 'crm:read admin profile' }), tolerant))).toMatch(/^refused scope_broader/);
    expect(inShort(read(success({ scope: 'email profile' }), tolerant))).toMatch(/^refused scope_unusable/);
  });

  it.each(['', ' ', ['crm:read'], { 'crm:read': true }, 1, 'crm:"read"', 'crm:read\tcrm:write', 'crm:read\nx'])(
    'is refused when the response says %j (Q24)',
    (scope) => {
      expect(inShort(read(success({ scope })))).toBe('refused scope_unusable opaque-token');
    },
  );

  it.each([{ scope: 'crm:read admin' }, { scp: ['crm:read', 'admin'] }, { scp: 'crm:read admin' }, { scope: ['admin'] }])(
    'is refused when the token itself says %j, whatever the response says (A44, A56)',
    (claims) => {
      expect(inShort(read(success({ access_token: jwt(claims), scope: 'crm:read' })))).toMatch(/^refused scope_broader/);
      expect(inShort(read(success({ access_token: jwt(claims) })))).toMatch(/^refused scope_broader/);
    },
  );

  it('is what response and token both name', () => {
    const access_token = jwt({ scope: 'crm:read', scp: ['crm:read', 'crm:write'] });
    expect(tokenOf(read(success({ access_token }), asked)).granted.tokens).toEqual(['crm:read']);
    expect(inShort(read(success({ access_token, scope: 'crm:write' }), asked))).toMatch(/^refused scope_unusable/);
  });

  it.each(['at+jwt', 'AT+JWT', 'application/at+jwt'])(
    'is nothing where neither the response nor a token of type %s names one: the server left it out in silence (A55, RFC 9068 §2.2.3)',
    (typ) => {
      const access_token = jwt({}, { alg: 'ES256', typ });
      expect(inShort(read(success({ access_token })))).toMatch(/^refused scope_unusable/);
      expect(tokenOf(read(success({ access_token, scope: 'crm:read' }))).granted.tokens).toEqual(['crm:read']);
      expect(tokenOf(read(success({ access_token: jwt({ scope: 'crm:read' }, { alg: 'ES256', typ }) }))).granted.tokens).toEqual([
        'crm:read',
      ]);
    },
  );

  it('is what was asked for where a JWT of another type names none (A54)', () => {
    expect(tokenOf(read(success({ access_token: jwt({}) }))).granted.tokens).toEqual(['crm:read']);
  });

  it.each([{ scope: { admin: true } }, { scp: [1] }, { scope: '' }, { scp: [] }])(
    'is refused when the token says %j, which is nothing of it',
    (claims) => {
      expect(inShort(read(success({ access_token: jwt(claims) })))).toMatch(/^refused scope_unusable/);
    },
  );
});
