import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SignJWT } from 'jose';
import { z } from 'zod';
import { parseAnswer, sendRaw } from '../rig/raw-http.js';
import { basic, crm, form, TokenDoor, type SecretRun, type TokenAnswer } from './token-door.js';

let door: TokenDoor;
let run: SecretRun;
beforeAll(async () => {
  door = await TokenDoor.open();
  run = await door.startRun();
}, 60_000);
afterAll(() => door.close());

const grant = { grant_type: 'client_credentials', resource: crm };
const good = form(grant);
const jwtBearer = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const asserting = (assertion: string) => ({ client_assertion: assertion, client_assertion_type: jwtBearer });
const outcome = ({ status, headers, body }: TokenAnswer) => ({ status, challenge: headers.get('www-authenticate'), error: body['error'] });
const refusedInBody = { status: 400, challenge: null, error: 'invalid_client' };
const challenged = { status: 401, challenge: 'Basic realm="corridor", charset="UTF-8"', error: 'invalid_client' };
const twoWays = { status: 400, challenge: null, error: 'invalid_request' };

async function signed(by: Awaited<ReturnType<TokenDoor['startRunWithKey']>>, jti: string): Promise<string> {
  const claims = { iss: by.id, sub: by.id, aud: door.corridor.issuer, exp: Math.floor(Date.now() / 1000) + 60, jti };
  return new SignJWT(claims).setProtectedHeader({ alg: 'ES256' }).sign(by.privateKey);
}

describe('a client that does not authenticate', () => {
  it.each([
    ['nothing', {}],
    ['its id alone', { client_id: 'run01nobody' }],
    ['a secret and no id', { client_secret: 'x' }],
    ['an empty secret', { client_id: 'run01nobody', client_secret: '' }],
  ])('with %s gets no token (B12)', async (_, more) => {
    const before = door.upstreamRequests;
    expect(outcome(await door.send(form({ ...grant, ...more })))).toEqual(refusedInBody);
    expect(outcome(await door.send(form({ ...grant, ...more, client_id: run.id })))).toEqual(refusedInBody);
    expect(door.upstreamRequests).toBe(before);
  });
});

describe('a client that authenticates in two ways', () => {
  it('is refused, though each alone were right (B13)', async () => {
    const byKey = await door.startRunWithKey();
    const header = { authorization: basic(run.id, run.secret) };
    const post = { client_id: run.id, client_secret: run.secret };
    const assertion = asserting(await signed(byKey, 'one of two'));
    for (const answer of [
      await door.send(form({ ...grant, ...post }), header),
      await door.send(form({ ...grant, ...assertion }), header),
      await door.send(form({ ...grant, ...post, ...assertion }), {}),
      await door.send(form({ ...grant, client_assertion_type: jwtBearer }), header),
      await door.send(form({ ...grant, client_secret: run.secret }), header),
      await door.send(form({ ...grant, ...assertion }), { authorization: 'Bearer x' }),
    ]) {
      expect(outcome(answer)).toEqual(twoWays);
    }
    expect((await door.send(form({ ...grant, ...assertion }))).status).toBe(200);
  });

  it('is refused for a second Authorization header, whichever is right (B13)', async () => {
    const [right, wrong] = [basic(run.id, run.secret), basic(run.id, 'wrong')];
    for (const [first, second] of [
      [right, wrong],
      [wrong, right],
      [right, right],
    ]) {
      const answer = await sendRaw(door.url, [
        'POST /oauth2/token HTTP/1.1',
        `Host: ${door.url.host}`,
        'Connection: close',
        'Content-Type: application/x-www-form-urlencoded',
        `Content-Length: ${good.length}`,
        `Authorization: ${first}`,
        `authorization: ${second}`,
        '',
        good,
      ]);
      expect(parseAnswer(answer).status).toBe(400);
      expect(JSON.parse(parseAnswer(answer).body)).toEqual({ error: 'invalid_request', error_description: expect.any(String) });
    }
  });
});

describe('a client that authenticates in another way than it was registered for', () => {
  it('is refused: a run with a key has no secret (B14)', async () => {
    const byKey = await door.startRunWithKey();
    const guesses = ['', 'x', byKey.id, JSON.stringify(byKey.publicKey), '0'.repeat(64), '\u{1f511}'];
    for (const guess of guesses) {
      expect(outcome(await door.send(good, { authorization: basic(byKey.id, guess) }))).toEqual(challenged);
      expect(outcome(await door.send(form({ ...grant, client_id: byKey.id, client_secret: guess })))).toEqual(refusedInBody);
    }
  });

  it('is refused: a run with a secret has no key, and no use for HMAC (B14, B24)', async () => {
    const claims = { iss: run.id, sub: run.id, aud: door.corridor.issuer, exp: Math.floor(Date.now() / 1000) + 60, jti: 'hmac' };
    const hmac = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(run.secret));
    const byKey = await door.startRunWithKey();
    const foreign = await new SignJWT(claims).setProtectedHeader({ alg: 'ES256' }).sign(byKey.privateKey);
    for (const assertion of [hmac, foreign])
      expect(outcome(await door.send(form({ ...grant, ...asserting(assertion) })))).toEqual(refusedInBody);
  });

  it('is told the way that it has', async () => {
    const byKey = await door.startRunWithKey();
    const read = (await door.corridor.api('GET', `/v1/runs/${byKey.id}`)).body;
    expect(read).toMatchObject({ token_endpoint_auth_method: 'private_key_jwt' });
    expect(read).not.toHaveProperty('client_secret');
  });
});

describe('the client_id', () => {
  it('agrees with who authenticated, or the request is refused (B15)', async () => {
    const [other, byKey] = [await door.startRun(), await door.startRunWithKey()];
    const header = { authorization: basic(run.id, run.secret) };
    expect(outcome(await door.send(form({ ...grant, client_id: other.id }), header))).toEqual(twoWays);
    expect(outcome(await door.send(form({ ...grant, client_id: run.id.toUpperCase() }), header))).toEqual(twoWays);
    expect((await door.send(form({ ...grant, client_id: run.id }), header)).status).toBe(200);
    const wrong = { ...grant, ...asserting(await signed(byKey, 'with another id')), client_id: other.id };
    expect(outcome(await door.send(form(wrong)))).toEqual(refusedInBody);
    expect((await door.send(form({ ...wrong, client_id: byKey.id }))).status).toBe(200);
  });

  it('is chosen by Corridor alone (B56)', async () => {
    for (const member of ['id', 'client_id', 'sub', 'client_secret', 'token_endpoint_auth_method']) {
      expect(await door.start({ [member]: 'ada@example.com' })).toMatchObject({ status: 400, body: { code: 'malformed' } });
    }
    const { body } = await door.start({ operator: 'spiffe://corridor.example/run' });
    expect(body).toMatchObject({ client_id: expect.stringMatching(/^run[0-9a-z]{26}$/) });
  });
});

describe('Basic authentication', () => {
  it('is form-decoded, whatever is escaped (B16)', async () => {
    const escaped = (text: string): string => [...text].map((letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`).join('');
    for (const [scheme, id, secret] of [
      ['Basic', escaped(run.id), escaped(run.secret)],
      ['bAsIc', run.id, run.secret],
      ['BASIC  ', run.id, escaped(run.secret)],
    ] as const) {
      const header = `${scheme} ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
      expect((await door.send(good, { authorization: header })).status).toBe(200);
    }
  });

  it.each([
    ['no credentials', 'Basic'],
    ['white space', 'Basic    '],
    ['no base64', 'Basic %%%'],
    ['base64url', `Basic ${Buffer.from('run:\u00ff\u00fe?>').toString('base64url')}-_`],
    ['no colon', `Basic ${Buffer.from('run01').toString('base64')}`],
    ['no id', `Basic ${Buffer.from(':secret').toString('base64')}`],
    ['no secret', `Basic ${Buffer.from('run01:').toString('base64')}`],
    ['a broken escape', `Basic ${Buffer.from('run01:%4').toString('base64')}`],
    ['an escaped NUL', `Basic ${Buffer.from('run01:%00').toString('base64')}`],
    ['a NUL', `Basic ${Buffer.from('run01\0:x').toString('base64')}`],
    ['no UTF-8', `Basic ${Buffer.from([0x72, 0x3a, 0xff, 0xfe]).toString('base64')}`],
    ['two of them', `${'Basic eDp5'}, Basic eDp5`],
    ['another scheme', 'Bearer eDp5'],
    ['an empty header', ''],
  ])('with %s is 401 with a challenge, and never 500 (B16, B19)', async (_, authorization) => {
    expect(outcome(await door.send(good, { authorization }))).toEqual(challenged);
  });
});

describe('a secret', () => {
  it('in the body works as it does in the header (B18)', async () => {
    const answer = await door.send(form({ ...grant, client_id: run.id, client_secret: run.secret }));
    expect({
      status: answer.status,
      run: (await door.entriesOf(run.id)).find(({ id }) => id === answer.body['attribution'])?.['run'],
    }).toEqual({ status: 200, run: run.id });
  });

  it('that is wrong is challenged for where it stood in the header, and nowhere else (B19, B20)', async () => {
    const other = await door.startRun();
    for (const wrong of [other.secret, `${run.secret}x`, run.secret.slice(1), run.secret.toLowerCase(), `${run.secret} `, '\u00e9']) {
      expect(outcome(await door.send(good, { authorization: basic(run.id, encodeURIComponent(wrong)) }))).toEqual(challenged);
      expect(outcome(await door.send(form({ ...grant, client_id: run.id, client_secret: wrong })))).toEqual(refusedInBody);
    }
  });

  it('is of letters and digits, 256 bits, and never the same twice: 1,000 of them (B17, B22)', async () => {
    const made: SecretRun[] = [];
    while (made.length < 1_000) made.push(...(await Promise.all(Array.from({ length: 50 }, () => door.startRun()))));
    for (const { id, secret } of made) {
      expect(id).toMatch(/^[A-Za-z0-9]+$/);
      expect(secret).toMatch(/^[A-Za-z0-9]{43}$/);
    }
    expect(new Set(made.map(({ secret }) => secret)).size).toBe(made.length);
    expect(new Set(made.map(({ id }) => id)).size).toBe(made.length);
    // 43,000 letters out of 62: each is expected 694 times, with a standard deviation of 26
    const counts = new Map<string, number>();
    for (const letter of made.flatMap(({ secret }) => [...secret])) counts.set(letter, (counts.get(letter) ?? 0) + 1);
    expect(counts.size).toBe(62);
    expect(Math.max(...[...counts.values()].map((count) => Math.abs(count - 43_000 / 62)))).toBeLessThan(26 * 6);
    // no place of a secret is fixed, or of few letters: of 62, chance leaves out one at some place in one of 4,000 runs
    for (let place = 0; place < 43; place++) expect(new Set(made.map(({ secret }) => secret[place])).size).toBeGreaterThan(55);
  }, 60_000);

  it('is nowhere in what Corridor keeps, and neither is a key of the API (B22)', async () => {
    const kept = await everyFile(path.join(door.corridor.dataDir, 'db'));
    const found = (text: string): string[] => kept.filter(([, bytes]) => bytes.includes(text)).map(([name]) => name);
    expect(found(run.id)).not.toEqual([]);
    expect(found(run.secret)).toEqual([]);
    expect(found(door.runtimeKey)).toEqual([]);
    expect(found(door.corridor.adminKey)).toEqual([]);
  });
});

async function everyFile(directory: string): Promise<readonly (readonly [string, Buffer])[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const names = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  return Promise.all(names.map(async (name) => [name, await readFile(name)] as const));
}

describe('an unknown run and a wrong credential', () => {
  const stranger = (index: number): string => `run01k9x${String(index).padStart(21, 'z')}`;

  it('are answered with the same bytes, in every way of authenticating (B21)', async () => {
    const byKey = await door.startRunWithKey();
    const assertion = async (subject: string) => {
      const claims = { iss: subject, sub: subject, aud: door.corridor.issuer, exp: Math.floor(Date.now() / 1000) + 60, jti: subject };
      return new SignJWT(claims).setProtectedHeader({ alg: 'ES256' }).sign(byKey.privateKey);
    };
    const victim = await door.startRunWithKey();
    const answers = async (id: string) => [
      await exact(good, { authorization: basic(id, 'wrong') }),
      await exact(form({ ...grant, client_id: id, client_secret: 'wrong' })),
      await exact(form({ ...grant, ...asserting(await assertion(id)) })),
    ];
    const known = await answers(victim.id);
    for (const id of [stranger(1), run.id, 'nobody', "x' or 1=1", 'RUN01']) expect(await answers(id)).toEqual(known);
  });

  it('take the same time (B21)', async () => {
    const known = await door.startRun();
    expect((await door.ask(known)).status).toBe(200);
    const times = { known: [] as number[], unknown: [] as number[] };
    const apart = (): number => {
      const [one, other] = [median(times.known), median(times.unknown)];
      return Math.abs(one - other) / Math.max(one, other);
    };
    const BOUND = 0.25;
    // more rounds where what else the machine does fell on one of the two, and fewer failures than one address may have in a minute
    for (let round = 0; round < 150 || (round < 400 && apart() >= BOUND); round++) {
      const kinds = [
        ['known', known.id],
        ['unknown', stranger(round)],
      ] as const;
      for (const [kind, id] of round % 2 === 0 ? kinds : kinds.toReversed()) {
        const began = performance.now();
        await door.send(good, { authorization: basic(id, 'wrong') });
        times[kind].push(performance.now() - began);
      }
    }
    expect(apart()).toBeLessThan(BOUND);
  }, 90_000);

  it('are throttled, for the one that is guessed at and from that address, and the right one is let in all the same (B21, B66)', async () => {
    const guessed = await door.startRun();
    const guess = (index: number): Promise<TokenAnswer> => door.send(good, { authorization: basic(guessed.id, `guess${index}`) });
    const statuses: number[] = [];
    for (let index = 0; index < 30; index++) statuses.push((await guess(index)).status);
    expect(statuses).toEqual([...Array<number>(20).fill(401), ...Array<number>(10).fill(429)]);
    expect(Number((await guess(31)).headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await door.ask(guessed)).status).toBe(200);
    const noted = door.corridor.output();
    expect(noted).toContain('"throttled"');
    expect(noted).not.toContain('guess1');
  });

  /** Everything of the answer but the date. */
  async function exact(body: string, headers: Readonly<Record<string, string>> = {}): Promise<unknown> {
    const response = await fetch(door.url, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body,
    });
    return { status: response.status, headers: [...response.headers].filter(([name]) => name !== 'date'), text: await response.text() };
  }
});

function median(numbers: readonly number[]): number {
  return numbers.toSorted((one, other) => one - other)[Math.floor(numbers.length / 2)] ?? NaN;
}

describe('who a run is', () => {
  it('comes from its credential alone: no parameter and no header says otherwise (B40)', async () => {
    const other = await door.startRun();
    const claims = {
      run: other.id,
      run_id: other.id,
      sub: other.id,
      agent: 'eve',
      workflow: 'one-resource',
      purpose: 'x',
      owner: 'eve',
      tenant: 'x',
      parent: other.id,
    };
    const headers = Object.fromEntries(Object.keys(claims).map((name) => [`x-${name.replace('_', '-')}`, other.id]));
    const { body } = await door.send(form({ ...grant, ...claims }), {
      authorization: basic(run.id, run.secret),
      forwarded: `for=${other.id}`,
      ...headers,
    });
    const [entry] = (await door.entriesOf(run.id)).filter(({ id }) => id === body['attribution']);
    expect(entry).toMatchObject({
      run: run.id,
      workflow: 'nightly-index',
      purpose: 'search-indexing',
      agent: { name: 'indexer' },
      ancestors: [],
    });
    expect(await door.entriesOf(other.id)).toEqual([expect.objectContaining({ type: 'run.started' })]);
  });

  it('does not help it when it is over: no policy is asked, and no server (B41)', async () => {
    const [ended, expired, suspended] = [await door.startRun(), await door.startRun({ ttl: 1 }), await door.startRun()];
    await door.endRun(ended.id);
    const raised = await door.corridor.api('POST', '/v1/suspensions', { kind: 'run', id: suspended.id, reason: 'leaked' });
    expect(raised.status).toBe(201);
    const before = door.upstreamRequests;
    for (const [over, error, code] of [
      [ended, 'unauthorized_client', 'run_ended'],
      [expired, 'unauthorized_client', 'run_expired'],
      [suspended, 'access_denied', 'suspended'],
    ] as const) {
      const answer = await door.ask(over);
      expect(answer).toMatchObject({ status: 400, body: { error, reasons: [expect.objectContaining({ code })] } });
      const entry = z
        .looseObject({ type: z.string(), decision: z.looseObject({ by: z.string() }) })
        .parse((await door.entriesOf(over.id)).find(({ id }) => id === answer.body['attribution']));
      expect(entry).toMatchObject({
        type: 'token.refused',
        decision: { by: code === 'suspended' ? 'suspension' : 'guardrail', allow: false },
      });
      expect(entry.decision).not.toHaveProperty('input_sha256');
    }
    expect(door.upstreamRequests).toBe(before);
  });
});
