// A Corridor that is measured, as runtimes and auditors call it.

export const basic = (id, secret) => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;

export class MeasuredCorridor {
  #adminKey;
  #runtimeKey;

  constructor(url, child, adminKey) {
    this.url = url;
    this.child = child;
    this.pid = child.pid;
    this.tokenEndpoint = `${url}/oauth2/token`;
    this.#adminKey = adminKey;
  }

  static async at(url, child, adminKey) {
    const corridor = new MeasuredCorridor(url, child, adminKey);
    corridor.#runtimeKey = (await corridor.api('POST', '/v1/keys', { name: 'ci', roles: ['runtime'], runtime: 'ci' })).key;
    return corridor;
  }

  /** Starts so many runs of a workflow, 16 at a time, and gives the Authorization header of each. */
  async startRuns(count, workflow = 'bench') {
    const headers = [];
    let left = count;
    const startOneAfterTheOther = async () => {
      while (left-- > 0) {
        const wish = { workflow, purpose: 'measuring', agent: { name: 'bench' } };
        const run = await this.api('POST', '/v1/runs', wish, this.#runtimeKey);
        headers.push(basic(run.client_id, run.client_secret));
      }
    };
    await Promise.all(Array.from({ length: 16 }, startOneAfterTheOther));
    return headers;
  }

  /** With the admin's key unless another is given. */
  async api(method, route, body, key = this.#adminKey) {
    const response = await fetch(this.url + route, {
      method,
      headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      body: body === undefined ? null : JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${method} ${route}: ${response.status} ${await response.text()}`);
    return response.json();
  }
}
