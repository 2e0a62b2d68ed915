import { setImmediate as passed } from 'node:timers/promises';
import { MetadataCache } from '../../src/upstreams/metadata-cache.js';
import { UpstreamExchangeFailed } from '../../src/upstreams/upstream-http.js';
import { response } from './answers.js';
import { ScriptedHttp } from './scripted-http.js';
import { KeptPins } from './kept-pins.js';
import { ISSUER, server, SteppedClock } from './wish.js';

const LOCATION = `${ISSUER}/.well-known/oauth-authorization-server`;
const found = (path = 'token') => response(200, JSON.stringify({ issuer: ISSUER, token_endpoint: `${ISSUER}/${path}` }));

describe('the memory of metadata', () => {
  it('asks once, however many want to know at the same time', async () => {
    const http = new ScriptedHttp({ [LOCATION]: () => new Promise((resolve) => setTimeout(() => resolve(found()), 10)) });
    const cache = new MetadataCache(http, new SteppedClock(), new KeptPins());
    const all = await Promise.all(Array.from({ length: 100 }, () => cache.get(server())));
    expect(new Set(all).size).toBe(1);
    expect(http.requests).toHaveLength(1);
  });

  it('keeps what it found, so that a changed document changes nothing (A16, A74)', async () => {
    const [http, clock] = [new ScriptedHttp({ [LOCATION]: found() }), new SteppedClock()];
    const cache = new MetadataCache(http, clock, new KeptPins());
    await cache.get(server());
    http.answers[LOCATION] = found('moved');
    clock.at += 365 * 86_400_000;
    expect((await cache.get(server())).tokenEndpoint).toBe(`${ISSUER}/token`);
    expect(http.requests).toHaveLength(1);
  });

  it('needs no server for what is kept of it, in another process too, and gives one object for one pin', async () => {
    const pins = new KeptPins();
    await new MetadataCache(new ScriptedHttp({ [LOCATION]: found() }), new SteppedClock(), pins).get(server());
    const silent = new ScriptedHttp({ [LOCATION]: new UpstreamExchangeFailed('unreachable', false) });
    const [cache, demo] = [new MetadataCache(silent, new SteppedClock(), pins), server()];
    expect(await cache.known(demo)).toMatchObject({ tokenEndpoint: `${ISSUER}/token` });
    expect(await cache.get(demo)).toBe(await cache.get(demo));
    expect(silent.requests).toEqual([]);
  });

  it('uses what another was first to keep, not what it read itself', async () => {
    const pins = new KeptPins();
    const slow = new ScriptedHttp({
      [LOCATION]: async () => {
        await new MetadataCache(new ScriptedHttp({ [LOCATION]: found('first') }), new SteppedClock(), pins).get(server());
        return found('second');
      },
    });
    expect(await new MetadataCache(slow, new SteppedClock(), pins).get(server())).toMatchObject({ tokenEndpoint: `${ISSUER}/first` });
  });

  it('keeps nothing that cannot be used', async () => {
    const pins = new KeptPins();
    const elsewhere = response(200, JSON.stringify({ issuer: ISSUER, token_endpoint: 'https://other.example/token' }));
    const cache = new MetadataCache(new ScriptedHttp({ [LOCATION]: elsewhere }), new SteppedClock(), pins);
    await expect(cache.get(server())).rejects.toMatchObject({ fault: 'metadata_invalid' });
    expect(await pins.find(server())).toBeNull();
    expect(await cache.known(server())).toBeNull();
  });

  it('remembers a failure for five seconds, and then asks again', async () => {
    const [http, clock] = [new ScriptedHttp({ [LOCATION]: new UpstreamExchangeFailed('unreachable', false) }), new SteppedClock()];
    const cache = new MetadataCache(http, clock, new KeptPins());
    await expect(cache.get(server())).rejects.toMatchObject({ fault: 'metadata_unavailable' });
    const asked = http.requests.length;
    http.answers[LOCATION] = found();
    clock.at += 4_999;
    await expect(cache.get(server())).rejects.toMatchObject({ fault: 'metadata_unavailable' });
    expect(http.requests).toHaveLength(asked);
    clock.at += 1;
    expect((await cache.get(server())).tokenEndpoint).toBe(`${ISSUER}/token`);
  });

  it('reads a server that is defined anew under another issuer, and judges what is kept by what the catalogue says now', async () => {
    const other = 'https://other.example';
    const http = new ScriptedHttp({
      [LOCATION]: found(),
      [`${other}/.well-known/oauth-authorization-server`]: response(
        200,
        JSON.stringify({ issuer: other, token_endpoint: `${other}/token` }),
      ),
    });
    const cache = new MetadataCache(http, new SteppedClock(), new KeptPins());
    await cache.get(server());
    expect(await cache.get(server({ issuer: other }))).toMatchObject({ tokenEndpoint: `${other}/token` });
    expect(await cache.get(server({ tokenEndpoint: `${ISSUER}/named` }))).toMatchObject({ tokenEndpoint: `${ISSUER}/named` });
    expect(await cache.get(server())).toMatchObject({ tokenEndpoint: `${ISSUER}/token` });
    expect(http.requests).toHaveLength(2);
  });

  it('takes the word of the catalogue for a minute, and then looks for a document again, for which nobody waits', async () => {
    const [http, clock] = [new ScriptedHttp(), new SteppedClock()];
    const cache = new MetadataCache(http, clock, new KeptPins());
    const declared = server({ tokenEndpoint: `${ISSUER}/token` });
    const first = await cache.get(declared);
    expect(first.source).toBe('catalogue');
    const asked = http.requests.length;
    let publish: () => void = () => undefined;
    http.answers[LOCATION] = () => new Promise((resolve) => (publish = () => resolve(found())));
    clock.at += 59_999;
    expect(await cache.get(declared)).toBe(first);
    expect(http.requests).toHaveLength(asked);
    clock.at += 1;
    for (let request = 0; request < 3; request++) expect(await cache.get(declared)).toBe(first);
    expect(http.requests).toHaveLength(asked + 1);
    publish();
    await passed();
    expect((await cache.get(declared)).source).toBe('document');
  });

  it.each([
    ['cannot be used', response(200, JSON.stringify({ issuer: 'https://other.example', token_endpoint: `${ISSUER}/token` }))],
    ['cannot be had', new UpstreamExchangeFailed('unreachable', false)],
  ])('stays with the word of the catalogue when what is published later %s, and looks again after another minute', async (_, later) => {
    const [http, clock] = [new ScriptedHttp(), new SteppedClock()];
    const cache = new MetadataCache(http, clock, new KeptPins());
    const declared = server({ tokenEndpoint: `${ISSUER}/token` });
    const first = await cache.get(declared);
    http.answers[LOCATION] = later;
    for (let minute = 0; minute < 3; minute++) {
      clock.at += 60_000;
      const before = http.requests.length;
      for (let request = 0; request < 2; request++) {
        expect(await cache.get(declared)).toBe(first);
        await passed();
      }
      expect(http.urls.slice(before).filter((url) => url === LOCATION)).toHaveLength(1);
    }
    expect(await cache.known(declared)).toBe(first);
  });

  it('forgets the oldest of very many failures', async () => {
    const http = new ScriptedHttp();
    const cache = new MetadataCache(http, new SteppedClock(), new KeptPins());
    const fail = (host: string) => cache.get(server({ allowHosts: [host] })).catch(() => undefined);
    for (let index = 0; index <= 256; index++) await fail(`h${index}`);
    const asked = http.requests.length;
    await fail('h1');
    expect(http.requests).toHaveLength(asked);
    await fail('h0');
    expect(http.requests.length).toBeGreaterThan(asked);
  });
});
