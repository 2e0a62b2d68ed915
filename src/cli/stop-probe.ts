import { z } from 'zod';

/** What a replica said to the run of a drill: stopped, not stopped, or nothing that could be told apart. */
export type Probed = 'stopped' | 'running' | 'unanswered';

/** Known to nobody: that it is refused for it is told apart from a stop, and no token can come of it. */
const NOWHERE = 'urn:corridor:drill';

const answer = z.looseObject({ error: z.string(), reasons: z.array(z.looseObject({ code: z.string() })).optional() });

/** Asks one replica for a token that there is not, in the name of a run. */
export class StopProbe {
  readonly #authorization: string;

  constructor(
    readonly url: string,
    run: string,
    secret: string,
  ) {
    this.#authorization = `Basic ${Buffer.from(`${run}:${secret}`).toString('base64')}`;
  }

  async ask(): Promise<Probed> {
    const response = await this.#send();
    if (response === null) return 'unanswered';
    const parsed = answer.safeParse(await response.json().catch(() => null));
    if (!parsed.success) return response.ok ? 'running' : 'unanswered';
    const { error, reasons } = parsed.data;
    if (error === 'access_denied' && reasons?.[0]?.code === 'suspended') return 'stopped';
    return error === 'invalid_target' ? 'running' : 'unanswered';
  }

  async #send(): Promise<Response | null> {
    try {
      return await fetch(`${this.url}/oauth2/token`, {
        method: 'POST',
        headers: { authorization: this.#authorization },
        body: new URLSearchParams({ grant_type: 'client_credentials', resource: NOWHERE }),
        redirect: 'manual',
        signal: AbortSignal.timeout(10_000),
      });
    } catch {
      return null;
    }
  }
}
