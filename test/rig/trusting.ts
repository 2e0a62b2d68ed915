import { Agent, fetch, type Response } from 'undici';

/** Talks to servers whose certificates an authority of our own issued; `ca` in PEM. */
export interface Trusting {
  /** What JSON there is; what is no success is thrown. */
  get(url: string): Promise<unknown>;
  /** A form, by a client that authenticates by Basic. */
  post(url: string, client: readonly [id: string, secret: string], form: Readonly<Record<string, string>>): Promise<unknown>;
  /** Any method, with a bearer token; what is no success is thrown. Null for an empty answer. */
  json(method: string, url: string, token: string, body?: unknown): Promise<unknown>;
}

export function trusting(ca: string): Trusting {
  // a connection each: the server is killed now and then
  const options = { dispatcher: new Agent({ connect: { ca }, pipelining: 0, headersTimeout: 30_000, bodyTimeout: 30_000 }) };
  return {
    get: async (url) => successful(await fetch(url, options)).json(),
    post: async (url, client, form) => {
      const authorization = `Basic ${Buffer.from(client.map(encodeURIComponent).join(':')).toString('base64')}`;
      const body = new URLSearchParams(form);
      return (await fetch(url, { ...options, method: 'POST', headers: { authorization }, body })).json();
    },
    json: async (method, url, token, body) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const response = successful(
        await fetch(url, { ...options, method, headers, body: body === undefined ? null : JSON.stringify(body) }),
      );
      const text = await response.text();
      const answer: unknown = text === '' ? null : JSON.parse(text);
      return answer;
    },
  };
}

function successful(response: Response): Response {
  if (!response.ok) throw new Error(`${response.url} answered ${response.status}`);
  return response;
}
