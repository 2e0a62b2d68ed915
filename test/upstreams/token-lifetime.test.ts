import { jwt, response, success } from './answers.js';
import { inShort, read, tokenOf } from './reading.js';
import { client, NOW, profile, server, wish } from './wish.js';

describe('the life of a token (A52, A53, Q22)', () => {
  it.each([
    [300, 300],
    ['300', 300],
    [3600, 3600],
    [1, 1],
    [59.5, 59.5],
  ])('is as long as expires_in %j says, from when the request was sent', (expiresIn, seconds) => {
    expect(tokenOf(read(success({ expires_in: expiresIn }))).expiresAt).toBe(NOW + seconds * 1000);
  });

  it('is a number also when it is written as 3600.0', () => {
    const body = '{"access_token":"x","token_type":"Bearer","expires_in":3600.0}';
    expect(tokenOf(read(response(200, body))).expiresAt).toBe(NOW + 3_600_000);
  });

  it.each([null, '', undefined])(
    'where it says %j is the profile’s default for use, and the client’s longest for exposure',
    (expiresIn) => {
      const one = wish({ server: server({ profile: profile({ defaultTokenLife: 120 }) }) });
      expect(tokenOf(read(success({ expires_in: expiresIn }), one))).toMatchObject({
        usableUntil: NOW + 118_800,
        expiresAt: NOW + 3_600_000,
      });
    },
  );

  it('is never taken for longer than the client’s longest, whatever the default', () => {
    const one = wish({ client: client({ maxTokenLife: 60 }) });
    expect(tokenOf(read(success({ expires_in: undefined }), one))).toMatchObject({ usableUntil: NOW + 59_400, expiresAt: NOW + 60_000 });
  });

  it.each([0, -1, 0.5, '1h', '-5', '1e3', ' 300', true, [300], {}])('cannot be %j', (expiresIn) => {
    const outcome = read(success({ expires_in: expiresIn }));
    expect(inShort(outcome)).toBe('refused lifetime_unusable opaque-token');
    expect(outcome).toMatchObject({ token: { expiresAt: NOW + 3_600_000, usableUntil: NOW } });
  });

  it.each([3601, 1e18, '99999999999999999999', 1e308])(
    'cannot be %j, longer than the client’s tokens may live, and is exposed for that long',
    (expiresIn) => {
      const outcome = read(success({ expires_in: expiresIn }));
      expect(inShort(outcome)).toBe('refused lifetime_unusable opaque-token');
      if (outcome.kind !== 'refused' || outcome.token === null) throw new Error('no token');
      expect(outcome.token.expiresAt).toBeGreaterThanOrEqual(NOW + 3_601_000);
      expect(new Date(outcome.token.expiresAt).toISOString()).toMatch(/^20/);
    },
  );

  it('ends for use before its end: a hundredth of it, and at most five seconds', () => {
    expect(tokenOf(read(success({ expires_in: 10 }))).usableUntil).toBe(NOW + 9_900);
    expect(tokenOf(read(success({ expires_in: 3600 }))).usableUntil).toBe(NOW + 3_595_000);
  });

  it.each([
    [300, 600, 297, 600],
    [600, 300, 297, 600],
    [undefined, 300, 297, 300],
  ])('with expires_in %j and exp in %i s is used for the shorter and exposed for the longer', (expiresIn, exp, usable, exposed) => {
    const token = jwt({ exp: NOW / 1000 + exp });
    expect(tokenOf(read(success({ access_token: token, expires_in: expiresIn })))).toMatchObject({
      usableUntil: NOW + usable * 1000,
      expiresAt: NOW + exposed * 1000,
    });
  });

  it.each([-1, 0, 3661, 1e15])('cannot have an exp in %i s', (exp) => {
    expect(inShort(read(success({ access_token: jwt({ exp: NOW / 1000 + exp }) })))).toMatch(/^refused lifetime_unusable/);
  });

  it.each(['1772543400', {}, [1]])('cannot have the exp %j', (exp) => {
    expect(inShort(read(success({ access_token: jwt({ exp }) })))).toMatch(/^refused lifetime_unusable/);
  });

  it('may end a minute late by the clock of the server', () => {
    expect(read(success({ access_token: jwt({ exp: NOW / 1000 + 3660 }), expires_in: 3600 })).kind).toBe('token');
  });
});
