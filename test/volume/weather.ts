import type { UpstreamRequest } from '../../src/upstreams/upstream-http.js';
import { UpstreamExchangeFailed } from '../../src/upstreams/upstream-http.js';
import { jwt } from '../upstreams/answers.js';
import { issuer } from '../rig/memory-world.js';
import type { Random } from '../rig/seeded-random.js';
import { answer, type Answer, type TruthfulServer } from '../rig/truthful-server.js';
import type { Meaning } from './retry-model.js';

export interface Happening {
  readonly answer: Answer;
  readonly meaning: Meaning;
}

interface Place {
  readonly server: TruthfulServer;
  readonly request: UpstreamRequest;
  readonly form: URLSearchParams;
  readonly random: Random;
  /** Milliseconds by which the server's clock is ahead. */
  readonly skew: number;
}

type Fault = (place: Place) => Happening;

const token: Meaning = { kind: 'token' };
const thisRequest: Meaning = { kind: 'this_request' };
const outage = (more: Partial<Extract<Meaning, { kind: 'outage' }>> = {}): Meaning => ({
  kind: 'outage',
  throttled: false,
  retryAfter: null,
  ...more,
});
const pick = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;

/** What it issues: an opaque token, or a JWT whose `exp` is by its own clock; the life is said, as a number or as digits. */
const issues: Fault = ({ server, form, random, skew }) => {
  const expires_in = random() < 0.2 ? String(server.life) : server.life;
  if (random() < 0.5) return { answer: server.issue(form, { expires_in }), meaning: token };
  const exp = Math.floor((server.clock.now() + skew) / 1000) + server.life;
  const text = jwt({ iss: issuer, aud: form.get('resource'), exp, jti: `${random()}` });
  const issued = server.issue(form, { expires_in, access_token: text });
  // a clock that is so far behind makes a token that seems to have ended
  return { answer: issued, meaning: exp * 1000 <= server.clock.now() ? thisRequest : token };
};

/** When a `Retry-After` is over, in whichever form it comes; what makes no sense is no word at all. */
function retryAfter({ server, random, skew }: Place): { readonly headers: Record<string, string>; readonly retryAfter: number | null } {
  const now = server.clock.now();
  const seconds = Math.ceil(random() * 20);
  const date = Math.ceil((now + skew) / 1000) + seconds;
  const left = Math.ceil((date * 1000 - now) / 1000);
  return pick<{ readonly headers: Record<string, string>; readonly retryAfter: number | null }>(random, [
    { headers: {}, retryAfter: null },
    { headers: { 'retry-after': String(seconds) }, retryAfter: seconds },
    { headers: { 'retry-after': new Date(date * 1000).toUTCString() }, retryAfter: left > 0 ? left : null },
    { headers: { 'retry-after': pick(random, ['-5', '0', 'soon', '1.5', '3, 4']) }, retryAfter: null },
  ]);
}

const faults = {
  timeout: () => ({ answer: new UpstreamExchangeFailed('timeout', true), meaning: outage() }),
  issuesThenHangs: ({ server, form }) => {
    server.issue(form);
    return { answer: new UpstreamExchangeFailed('timeout', true), meaning: outage() };
  },
  unreachable: () => ({ answer: new UpstreamExchangeFailed('unreachable', false), meaning: outage() }),
  reset: () => ({ answer: new UpstreamExchangeFailed('unreachable', true), meaning: outage() }),
  throttles: (place) => {
    const { headers, retryAfter: told } = retryAfter(place);
    return { answer: answer(429, '', headers), meaning: outage({ throttled: true, retryAfter: told }) };
  },
  unavailable: (place) => {
    const { headers, retryAfter: told } = retryAfter(place);
    return { answer: answer(503, '', headers), meaning: outage({ retryAfter: told }) };
  },
  breaks: ({ random }) => ({
    answer: answer(pick(random, [500, 502, 504]), pick(random, ['{}', '<html>', '{"error":"server_error"}'])),
    meaning: outage(),
  }),
  refusesScope: () => ({ answer: answer(400, { error: 'invalid_scope' }), meaning: thisRequest }),
  refusesClient: () => ({ answer: answer(401, { error: 'invalid_client' }), meaning: outage() }),
  page: () => ({ answer: answer(200, '<html>log in</html>'), meaning: outage() }),
  cutOff: ({ server, form }) => {
    const { body } = server.issue(form);
    return { answer: answer(200, Buffer.from(body).toString().slice(0, -10)), meaning: outage() };
  },
  twice: ({ server, form }) => {
    const { body } = server.issue(form);
    return { answer: answer(200, `{"expires_in":1,${Buffer.from(body).toString().slice(1)}`), meaning: thisRequest };
  },
  broader: ({ server, form }) => ({ answer: server.issue(form, { scope: `${form.get('scope')} admin` }), meaning: thisRequest }),
  forAnother: ({ server, form, random }) => {
    const text = jwt({ iss: issuer, aud: 'https://another.example/api', jti: `${random()}` });
    return { answer: server.issue(form, { access_token: text }), meaning: thisRequest };
  },
  endless: ({ server, form }) => ({ answer: server.issue(form, { expires_in: 86_400 }), meaning: thisRequest }),
  untyped: ({ server, form }) => ({ answer: server.issue(form, { token_type: undefined }), meaning: thisRequest }),
} satisfies Record<string, Fault>;

type FaultName = keyof typeof faults;

/** How likely a fault is, and which. */
interface Weather {
  readonly name: string;
  readonly share: number;
  readonly faults: readonly FaultName[];
}

const all = Object.keys(faults) as FaultName[];
const weathers: readonly Weather[] = [
  { name: 'calm', share: 0.03, faults: all },
  { name: 'mixed', share: 0.4, faults: all },
  { name: 'storm of 429', share: 0.9, faults: ['throttles'] },
  { name: 'down', share: 1, faults: ['timeout', 'issuesThenHangs', 'unreachable', 'reset', 'unavailable'] },
  { name: 'broken', share: 0.7, faults: ['breaks', 'page', 'cutOff', 'twice'] },
  { name: 'deceitful', share: 0.7, faults: ['broader', 'forAnother', 'endless', 'untyped', 'refusesScope'] },
];

/** What the server does from one moment to the next, drawn from a seed. */
export class Sky {
  readonly happened: Partial<Record<FaultName, number>> = {};
  #weather: Weather = weathers[0] as Weather;
  #skew = 0;

  constructor(private readonly random: Random) {}

  change(): void {
    this.#weather = pick(this.random, weathers);
    this.#skew = pick(this.random, [0, 0, 30_000, -30_000, 90_000, -90_000]);
  }

  /** Milliseconds until the answer; slow ones are as slow as an exchange may be. */
  latency(): number {
    return this.random() < 0.1 ? 1_000 + this.random() * 8_500 : 20 + this.random() * 300;
  }

  happens(server: TruthfulServer, request: UpstreamRequest, form: URLSearchParams): Happening {
    const place = { server, request, form, random: this.random, skew: this.#skew };
    if (this.random() >= this.#weather.share) return issues(place);
    const name = pick(this.random, this.#weather.faults);
    this.happened[name] = (this.happened[name] ?? 0) + 1;
    return faults[name](place);
  }
}
