import { decodeJwt, decodeProtectedHeader, type JWTPayload, type ProtectedHeaderParameters } from 'jose';
import { json, type Behaviour, type SeenRequest } from '../../rig/hostile-authorization-server.js';

interface Signed {
  readonly header: ProtectedHeaderParameters;
  readonly claims: JWTPayload;
}

/** A request of a client as a server reads it. */
export interface Asked {
  readonly form: URLSearchParams;
  readonly scopes: readonly string[];
  /** The client's id, by whichever method it authenticated; null when it did not, or by two methods at once (RFC 6749 §2.3). */
  readonly client: string | null;
  readonly assertion: Signed | null;
  /** Of possession (RFC 9449). */
  readonly proof: Signed | null;
  readonly issuer: string;
  readonly tokenEndpoint: string;
  /** The one that is called. */
  readonly endpoint: string;
}

/** A vendor's authorization server as its documentation describes it: what it insists on, and how it answers. */
export interface Vendor {
  /** The profile that is made for it. */
  readonly profile: string;
  /** Behind the origin. */
  readonly issuerPath: string;
  readonly tokenPath: string;
  readonly revocationPath: string | null;
  readonly method: 'client_secret_basic' | 'private_key_jwt';
  /** As the catalogue declares it; `uri` null stands for the server's own origin. */
  readonly resource: { readonly uri: string | null; readonly audience?: string; readonly scopes: readonly string[] };
  /** Whether the client authenticates as this vendor wants it, at whichever endpoint. */
  readonly accepts: (asked: Asked) => boolean;
  /** To a token request. */
  readonly answer: (asked: Asked) => Behaviour;
  /** What comes of asking it by the standard profile, where the resource insists on a verified audience. */
  readonly byStandard: string;
}

/** What the server makes of a request; `null` for a parameter that came twice. */
export function askedOf(request: SeenRequest, issuer: string, tokenEndpoint: string): Asked {
  const form = new URLSearchParams(request.body);
  const assertion = signed(form.get('client_assertion'));
  const proof = signed([request.headers['dpop'] ?? []].flat()[0] ?? null);
  const basic = /^Basic (.+)$/.exec(request.headers.authorization ?? '')?.[1];
  const bySecret = basic === undefined ? null : (Buffer.from(basic, 'base64').toString('utf8').split(':')[0] ?? null);
  const twice = assertion !== null && bySecret !== null;
  return {
    form,
    scopes: (form.get('scope') ?? '').split(' ').filter((scope) => scope !== ''),
    client: twice ? null : (bySecret ?? assertion?.claims.sub ?? null),
    assertion,
    proof,
    issuer,
    tokenEndpoint,
    endpoint: new URL(request.target.split('?')[0] ?? '', issuer).href,
  };
}

function signed(text: string | null): Signed | null {
  return text === null ? null : { header: decodeProtectedHeader(text), claims: decodeJwt(text) };
}

export function refuse(error: string, status = 400, description = ''): Behaviour {
  return json({ error, error_description: description }, status);
}

/** The first refusal that applies, else the answer. */
export function insisting(refusals: readonly (readonly [condition: boolean, refusal: Behaviour])[], answer: Behaviour): Behaviour {
  return refusals.find(([condition]) => condition)?.[1] ?? answer;
}
