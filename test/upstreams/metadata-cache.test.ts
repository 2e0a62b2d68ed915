import { MetadataCache } from '../../src/upstreams/metadata-cache.js';
import { UpstreamExchangeFailed } from '../../src/upstreams/upstream-http.js';
import { response } from './answers.js';
import { ScriptedHttp } from './scripted-http.js';
import { ISSUER, server, SteppedClock } from './wish.js';

const LOCATION = `${ISSUER}/.well-known/oauth-authorization-server`;
const found = (path = 'token') => response(200, JSON.stringify({ issuer: ISSUER, token_endpoint: `${ISSUER}/${path}` }));

describe('the memory of metadata', () => {
  it('asks once, however many want to know at the same time', async () => {
    const http = new ScriptedHttp({ [LOCATION]: () => new Promise((resolve) => setTimeout(() => resolve(found()), 10)) });
    const cache = new MetadataCache(http, new SteppedClock());
    const all = await Promise.all(Array.from({ length: 100 }, () => cache.get(server())));
    expect(new Set(all).size).toBe(1);
    expect(http.requests).toHaveLength(1);
  });

  it('keeps what it found for the life of the process, so that a changed document changes nothing (A16)', async () => {
    const [http, clock] = [new ScriptedHttp({ [LOCATION]: found() }), new SteppedClock()];
    const cache = new MetadataCache(http, clock);
    await cache.get(server());
    http.answers[LOCATION] = found('moved');
    clock.at += 365 * 86_400_000;
    expect((await cache.get(server())).tokenEndpoint).toBe(`${ISSUER}/token`);
    expect(http.requests).toHaveLength(1);
  });

  it('remembers a failure for five seconds, and then asks again', async () => {
    const [http, clock] = [new ScriptedHttp({ [LOCATION]: new UpstreamExchangeFailed('unreachable', false) }), new SteppedClock()];
    const cache = new MetadataCache(http, clock);
    await expect(cache.get(server())).rejects.toMatchObject({ fault: 'metadata_unavailable' });
    const asked = http.requests.length;
    http.answers[LOCATION] = found();
    clock.at += 4_999;
    await expect(cache.get(server())).rejects.toMatchObject({ fault: 'metadata_unavailable' });
    expect(http.requests).toHaveLength(asked);
    clock.at += 1;
    expect((await cache.get(server())).tokenEndpoint).toBe(`${ISSUER}/token`);
  });

  it('asks again for a server that is defined anew', async () => {
    const http = new ScriptedHttp({ [LOCATION]: found() });
    const cache = new MetadataCache(http, new SteppedClock());
    await cache.get(server());
    await cache.get(server({ allowHosts: ['as.example'] }));
    await cache.get(server({ tokenEndpoint: `${ISSUER}/other` }));
    await cache.get(server({ revocationEndpoint: `${ISSUER}/other` }));
    await cache.get(server());
    expect(http.requests).toHaveLength(4);
  });

  it('takes the word of the catalogue for a minute, and then looks for a document again', async () => {
    const [http, clock] = [new ScriptedHttp(), new SteppedClock()];
    const cache = new MetadataCache(http, clock);
    const declared = server({ tokenEndpoint: `${ISSUER}/token` });
    expect((await cache.get(declared)).source).toBe('catalogue');
    http.answers[LOCATION] = found();
    clock.at += 59_999;
    expect((await cache.get(declared)).source).toBe('catalogue');
    clock.at += 1;
    expect((await cache.get(declared)).source).toBe('document');
  });

  it('forgets the oldest of very many', async () => {
    const http = new ScriptedHttp({ [LOCATION]: found() });
    const cache = new MetadataCache(http, new SteppedClock());
    for (let index = 0; index <= 256; index++) await cache.get(server({ allowHosts: [`h${index}`] }));
    await cache.get(server({ allowHosts: ['h1'] }));
    expect(http.requests).toHaveLength(257);
    await cache.get(server({ allowHosts: ['h0'] }));
    expect(http.requests).toHaveLength(258);
  });
});
