import { createHash } from 'node:crypto';
import { declared } from '../catalogue/look-up.js';
import type { Clock } from '../oauth/clock.js';
import { AuthorizationDetails } from '../oauth/authorization-details.js';
import { Scope } from '../oauth/scope.js';
import type { Secret } from '../oauth/secret.js';
import type { AuthenticateRun } from '../runs/authenticate-run.js';
import type { ClientAuthentication } from '../runs/client-authentication.js';
import type { RunDirectory } from '../runs/run-directory.js';
import { readClaims } from '../upstreams/access-token-claims.js';
import type { AuthenticateResourceServer } from './authenticate-resource-server.js';
import type { Facts, FactsSource } from './facts.js';
import type { Asker, GivenTokens, LiveGivenToken } from './given-tokens.js';
import { suspended } from './load-context.js';
import type { ResourceServerKey, TokenQuestion } from './token-question.js';

/** What an active token is (RFC 7662 §2.2), out of the record. Times in milliseconds since 1970. */
export interface Introspection {
  readonly issuer: string;
  /** To whom it was issued: the client there, never who asks. */
  readonly clientId: string;
  readonly subject: string;
  readonly scope: Scope;
  readonly details: AuthorizationDetails;
  readonly audience: readonly string[];
  readonly tokenType: 'Bearer';
  readonly jti: string | null;
  readonly issuedAt: number;
  /** From then on it is inactive, though its authorization server may have said longer. */
  readonly expiresAt: number;
  /** For the resource's server: who acts. Of a token that runs share, only the workflow is known. */
  readonly acting: { readonly workflow: string; readonly run: string | null; readonly purpose: string | null } | null;
}

/**
 * Whether a token may be used, for the run that it was given to and for the server of the resource that it is for (RFC 7662).
 * All of it is read from the database at each question: on every replica a stop counts from the moment that it was acknowledged (B98).
 */
export class IntrospectToken {
  constructor(
    private readonly authenticateRun: AuthenticateRun,
    private readonly authenticateResourceServer: AuthenticateResourceServer,
    private readonly tokens: GivenTokens,
    private readonly facts: FactsSource,
    private readonly runs: RunDirectory,
    private readonly clock: Clock,
  ) {}

  /** Null for every token that is not active, or not the caller's business. @throws OAuthError; LogUnavailable */
  async introspect(question: TokenQuestion<ClientAuthentication | ResourceServerKey>): Promise<Introspection | null> {
    const asker = await this.#asker(question);
    const sha256 = createHash('sha256').update(question.token.reveal()).digest('hex');
    const [facts, live] = await Promise.all([this.facts.latest(), this.tokens.live(sha256, asker)]);
    if (live === null || (await this.#isSuspended(live, asker, facts))) return null;
    return introspectionOf(live, asker, facts, question.token);
  }

  async #asker({ clientAuthentication: presented, address }: TokenQuestion<ClientAuthentication | ResourceServerKey>): Promise<Asker> {
    if (presented.kind === 'key') return { resource: await this.authenticateResourceServer.authenticate(presented, address) };
    return { run: (await this.authenticateRun.authenticate(presented, address, 'introspection')).id };
  }

  /** What a suspension covers is withdrawn with it, but for what it could not reach at once. */
  async #isSuspended(live: LiveGivenToken, asker: Asker, facts: Facts): Promise<boolean> {
    const resource = declared(facts.catalogue.resources, live.resource);
    for (const id of new Set([live.run, 'run' in asker ? asker.run : live.run])) {
      const run = await this.runs.get(id);
      const lineage = run === null ? null : await this.runs.lineage(run);
      if (lineage === null || suspended(facts, lineage, resource, this.clock.now()) !== null) return true;
    }
    return false;
  }
}

/** What left the catalogue is vouched for no more. */
function introspectionOf(live: LiveGivenToken, asker: Asker, { catalogue }: Facts, token: Secret): Introspection | null {
  const server = declared(catalogue.authorizationServers, live.authorizationServer);
  const resource = declared(catalogue.resources, live.resource);
  if (server === null || declared(catalogue.clients, live.client) === null || resource === null) return null;
  const isShared = live.isolation === 'workflow';
  return {
    issuer: server.issuer,
    clientId: live.clientId,
    subject: subjectOf(token) ?? live.clientId,
    scope: Scope.of(live.granted),
    details: AuthorizationDetails.restore(live.grantedDetails),
    // of an opaque token the audience cannot be read: it was asked for this resource, and is handed out for no other
    audience: live.audience === 'unverified' ? [resource.uri] : live.audience,
    tokenType: 'Bearer',
    jti: live.jti,
    issuedAt: live.issuedAt,
    expiresAt: live.servedUntil,
    acting: 'run' in asker ? null : { workflow: live.workflow, run: isShared ? null : live.run, purpose: isShared ? null : live.purpose },
  };
}

/** As the token itself says, whose text is the one that was issued; a client's own token has the client for its subject (RFC 9068 §2.2). */
function subjectOf(token: Secret): string | null {
  const claims = readClaims(token.reveal());
  if (claims === 'opaque' || claims === 'ambiguous') return null;
  const subject = claims.get('sub');
  return typeof subject === 'string' ? subject : null;
}
