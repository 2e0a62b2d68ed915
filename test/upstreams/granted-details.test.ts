import fc from 'fast-check';
import { AuthorizationDetails } from '../../src/oauth/authorization-details.js';
import { Scope } from '../../src/oauth/scope.js';
import { jwt, success } from './answers.js';
import { inShort, read, tokenOf } from './reading.js';
import { wish } from './wish.js';

const payment = { type: 'payment', actions: ['initiate', 'status'], creditor: 'acme' };
const status = { ...payment, actions: ['status'] };
const details = (...elements: readonly object[]): AuthorizationDetails => AuthorizationDetails.parse(JSON.stringify(elements));
const asked = wish({ details: details(payment) });

describe('the authorization details of a token', () => {
  it('are what the response says, the same or narrower (A46)', () => {
    for (const granted of [[payment], [status]]) {
      expect(tokenOf(read(success({ authorization_details: granted }), asked)).grantedDetails).toEqual(details(...granted));
    }
  });

  it('may stand without any scope', () => {
    const alone = { ...asked, scope: Scope.none };
    for (const scope of [undefined, null]) {
      expect(tokenOf(read(success({ scope, authorization_details: [payment] }), alone)).granted.isEmpty).toBe(true);
    }
    // a JWT by RFC 9068 must name a scope only where one was asked for
    const silent = jwt({ authorization_details: [payment] }, { alg: 'ES256', typ: 'at+jwt' });
    const answer = success({ scope: undefined, access_token: silent, authorization_details: [payment] });
    expect(tokenOf(read(answer, alone)).grantedDetails).toEqual(alone.details);
    expect(inShort(read(answer, asked))).toMatch(/^refused scope_unusable/);
    expect(inShort(read(success({ scope: 'crm:read', authorization_details: [payment] }), alone))).toBe(
      'refused scope_broader opaque-token',
    );
    const claimed = { access_token: jwt({ scope: 'crm:read' }), authorization_details: [payment] };
    expect(inShort(read(success({ scope: undefined, ...claimed }), alone))).toMatch(/^refused scope_broader/);
  });

  it.each([
    ['wider actions', [{ ...payment, actions: ['initiate', 'status', 'cancel'] }]],
    ['no actions', [{ type: 'payment', creditor: 'acme' }]],
    ['another creditor', [{ ...payment, creditor: 'evil' }]],
    ['another type', [{ ...payment, type: 'account' }]],
    ['a type more', [payment, { type: 'account' }]],
    ['the payment twice', [payment, payment]],
  ])('are refused with %s, and the token is there to be revoked (A46)', (_, granted) => {
    const outcome = read(success({ authorization_details: granted }), asked);
    expect(inShort(outcome)).toBe('refused details_broader opaque-token');
    if (outcome.kind === 'refused') expect(outcome.token?.grantedDetails).toEqual(details(...granted));
  });

  it.each([
    undefined,
    null,
    '',
    [],
    {},
    payment,
    'payment',
    JSON.stringify([payment]),
    [null],
    [{}],
    [{ ...payment, type: undefined }],
    [{ ...payment, note: '\u0000' }],
    [{ ...payment, note: 'x'.repeat(5000) }],
    Array(33).fill(payment),
  ])('are refused when the response says %j: it must say what was granted (A46, RFC 9396 §7)', (granted) => {
    expect(inShort(read(success({ authorization_details: granted }), asked))).toBe('refused details_unusable opaque-token');
  });

  it('that nobody asked for are refused, and none are none (A46, Q36)', () => {
    expect(inShort(read(success({ authorization_details: [payment] })))).toBe('refused details_broader opaque-token');
    expect(inShort(read(success({ access_token: jwt({ authorization_details: [payment] }) })))).toMatch(/^refused details_broader/);
    expect(inShort(read(success({ authorization_details: { type: 'payment' } })))).toBe('refused details_unusable opaque-token');
    for (const none of [undefined, null, '', []]) {
      expect(tokenOf(read(success({ authorization_details: none }))).grantedDetails.isEmpty).toBe(true);
    }
  });

  it('are those that response and token both name (A44, A46, RFC 9396 §9.1)', () => {
    const granted = (said: unknown, claimed: unknown) =>
      read(success({ access_token: jwt({ authorization_details: claimed }), authorization_details: said }), asked);
    for (const [said, claimed] of [
      [[payment], [status]],
      [[status], [payment]],
      [[status], null],
    ]) {
      expect(tokenOf(granted(said, claimed)).grantedDetails).toEqual(details(status));
    }
    expect(inShort(granted([status], [{ ...payment, actions: ['cancel'] }]))).toMatch(/^refused details_broader/);
    expect(inShort(granted([status], [{ ...payment, actions: ['initiate'] }]))).toMatch(/^refused details_unusable/);
    expect(inShort(granted([status], []))).toMatch(/^refused details_unusable/);
    expect(inShort(granted(undefined, [status]))).toMatch(/^refused details_unusable/);
    expect(inShort(granted([status], 'status'))).toMatch(/^refused details_unusable/);
  });

  it('are never broader than what was decided, whatever the server says', () => {
    const actions = fc.subarray(['initiate', 'status', 'cancel']);
    const element = fc.record(
      { type: fc.constantFrom('payment', 'account'), actions, creditor: fc.constantFrom('acme', 'evil') },
      { requiredKeys: ['type'] },
    );
    const some = fc.array(element, { minLength: 1, maxLength: 3 });
    const said = fc.oneof(
      { weight: 6, arbitrary: some },
      { weight: 1, arbitrary: fc.jsonValue() },
      { weight: 1, arbitrary: fc.constant(undefined) },
    );
    // near what was decided, or chance would hardly find what is accepted
    const near = (decided: readonly object[]) =>
      fc.oneof(
        fc.constant(decided),
        fc.subarray([...decided]),
        said,
        fc.tuple(fc.subarray([...decided]), some).map(([part, more]) => [...part, ...more]),
      );
    const answers = fc
      .option(some, { nil: [] })
      .chain((decided) =>
        fc.record({ decided: fc.constant(decided), member: near(decided), claim: fc.oneof(fc.constant(undefined), near(decided)) }),
      );
    let released = 0;
    fc.assert(
      fc.property(answers, ({ decided, member, claim }) => {
        const wanted = decided.length === 0 ? AuthorizationDetails.none : details(...decided);
        const outcome = read(
          success({ access_token: jwt({ authorization_details: claim }), authorization_details: member }),
          wish({ details: wanted }),
        );
        if (outcome.kind !== 'token') return;
        released++;
        const { grantedDetails } = outcome.token;
        expect(grantedDetails.isNoBroaderThan(wanted)).toBe(true);
        expect(grantedDetails.isEmpty).toBe(wanted.isEmpty);
        // by a second reading, without any matching: each element is of a decided one, and there are no more of them
        expect(grantedDetails.elements.length).toBeLessThanOrEqual(decided.length);
        for (const one of grantedDetails.elements) expect(decided.some((other) => isWithin(one, other))).toBe(true);
        for (const stated of [member, claim]) {
          if (!Array.isArray(stated)) continue;
          for (const one of stated) expect(decided.some((other) => isWithin(one as Payment, other))).toBe(true);
        }
      }),
      { numRuns: 3000 },
    );
    expect(released).toBeGreaterThan(300);
  });
});

type Payment = { readonly type?: unknown; readonly actions?: unknown; readonly creditor?: unknown };

function isWithin(one: Payment, other: Payment): boolean {
  const [mine, theirs] = [one.actions, other.actions];
  const fewer =
    Array.isArray(mine) && Array.isArray(theirs)
      ? mine.every((action) => theirs.includes(action)) && (mine.length > 0 || theirs.length === 0)
      : mine === theirs;
  return one.type === other.type && one.creditor === other.creditor && fewer;
}
