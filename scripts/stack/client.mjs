// Somebody who reaches the stack through its proxy alone, and trusts its certificate.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Agent, fetch } from 'undici';

export class Client {
  #dispatcher;

  /** `program`: where Corridor's command line lies. */
  constructor(url, { certificateFile, key, program }) {
    Object.assign(this, { url, certificateFile, key, program });
    // a connection for each request, so that each is a choice of the proxy's
    this.#dispatcher = new Agent({ connect: { ca: readFileSync(certificateFile) }, pipelining: 0 });
  }

  /** Whether a Corridor answers there. */
  async isUp() {
    const route = '/.well-known/oauth-authorization-server/oauth2';
    return this.#fetch(route, {}).then(
      ({ status }) => status === 200,
      () => false,
    );
  }

  /** By the admin's key unless another is given. @throws when it is refused */
  async api(method, route, body, key = this.key) {
    const headers = { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
    const answer = await this.#fetch(route, { method, headers, body: body === undefined ? null : JSON.stringify(body) });
    if (answer.status >= 300) throw new Error(`${method} ${route}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  /** A token request of a run: what came of it in a word, and the answer. Asked again when the machine was too busy to decide in time. */
  async ask(run, scope) {
    for (let times = 1; ; times++) {
      const { status, body } = await this.#askOnce(run, scope);
      if (times === 5 || !isStarved(status, body)) return { word: status === 200 ? 'a token' : (body?.error ?? String(status)), body };
      await wait(1_000);
    }
  }

  #askOnce(run, scope) {
    const credentials = Buffer.from(`${run.client_id}:${run.client_secret}`).toString('base64');
    const form = new URLSearchParams({ grant_type: 'client_credentials', scope, resource: 'https://crm.example/api' });
    return this.#fetch('/oauth2/token', { method: 'POST', headers: { authorization: `Basic ${credentials}` }, body: form });
  }

  /** A command of Corridor's command line: its exit code and what it printed. */
  command(...words) {
    const env = { ...process.env, CORRIDOR_URL: this.url, CORRIDOR_KEY: this.key, NODE_EXTRA_CA_CERTS: this.certificateFile };
    return new Promise((resolve) => {
      execFile(process.execPath, [path.join(this.program, 'dist/cli.js'), ...words], { env }, (error, printed, complaints) =>
        resolve({ code: error?.code ?? 0, printed: printed + complaints }),
      );
    });
  }

  async #fetch(route, request) {
    const answer = await fetch(this.url + route, { ...request, dispatcher: this.#dispatcher, signal: AbortSignal.timeout(15_000) });
    const text = await answer.text();
    return { status: answer.status, body: asJson(text) };
  }
}

function isStarved(status, body) {
  const reasons = status === 503 ? (body?.reasons ?? []) : [];
  return reasons.length > 0 && reasons.every(({ code }) => code === 'policy_timeout' || code === 'policy_overloaded');
}

function asJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
