import { createHash } from 'node:crypto';

/** What an authorization server says that it issued, noted before its answer leaves and never forgotten while it runs. */
export class IssuedList {
  #issued = [];
  #byId = new Map();

  constructor(provider) {
    provider.on('grant.success', (ctx) => this.#note(ctx));
    provider.on('client_credentials.destroyed', (token) => {
      const known = this.#byId.get(token.jti);
      if (known !== undefined) known.revoked_at = Date.now();
    });
  }

  all() {
    return this.#issued;
  }

  #note(ctx) {
    const { client, params, entities } = ctx.oidc;
    const token = entities.ClientCredentials;
    const entry = {
      client_id: client.clientId,
      // the token's own jti, or null where the token is its identifier
      jti: token.jti === ctx.body.access_token ? null : token.jti,
      sha256: createHash('sha256').update(ctx.body.access_token).digest('hex'),
      assertion_jti: claimsOf(params.client_assertion).jti ?? null,
      scope: ctx.body.scope ?? '',
      resource: params.resource ?? null,
      issued_at: Date.now(),
      expires_at: Date.now() + ctx.body.expires_in * 1000,
      revoked_at: null,
    };
    this.#issued.push(entry);
    this.#byId.set(token.jti, entry);
  }
}

function claimsOf(assertion) {
  return assertion === undefined ? {} : JSON.parse(Buffer.from(assertion.split('.')[1], 'base64url').toString());
}
