import type { AuthorizationServer, Client } from '../catalogue/catalogue.js';
import type { Credential } from '../credentials/credential.js';
import { Secret } from '../oauth/secret.js';
import { clientCertificate } from './client-certificate.js';
import { clientAssertion, type AssertingParty, type Signing } from './client-assertion.js';
import { endpointsFor } from './endpoints.js';
import { formEncode, type Parameter } from './form-encoding.js';
import { originOf, type ServerMetadata } from './metadata.js';
import { UpstreamFailed } from './upstream-failed.js';
import type { ClientCertificate } from './upstream-http.js';

/** Who authenticates, where, and with what. */
export interface Party {
  readonly server: AuthorizationServer;
  readonly client: Client;
  readonly credential: Credential;
}

/** How a request shows who sends it: by a header, by parameters of its body or by its connection, never two of them (RFC 6749 §2.3). */
export interface ClientAuthentication {
  readonly authorization: Secret | null;
  readonly parameters: readonly Parameter[];
  readonly certificate: ClientCertificate | null;
  /** New in each attempt; null for a secret. */
  readonly assertionJti: string | null;
}

/** What one endpoint says that it accepts (RFC 8414 §2); null where the server does not say, and for methods where the catalogue alone does. */
export interface Accepted {
  readonly methods: readonly string[] | null;
  readonly algorithms: readonly string[] | null;
}

const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/**
 * Authenticates a client by the method that the catalogue names, or `methodAt` this endpoint, and no other: trying a second one would
 * send the secret twice (CONFORMANCE A13, Q3). A credential goes only where it is bound: to its issuer and the origin of that issuer's token endpoint (A16),
 * whichever of the server's endpoints it is shown to.
 * @throws UpstreamFailed
 */
export async function authenticateClient(
  party: Party,
  endpoint: string,
  metadata: ServerMetadata,
  { methods, algorithms }: Accepted,
  signing: Signing,
): Promise<ClientAuthentication> {
  const { server, client, credential } = party;
  if (credential.method !== client.method || credential.client !== client.id) throw new UpstreamFailed('credential_unavailable');
  requireBinding(party, endpoint, metadata);
  switch (credential.method) {
    case 'client_secret_basic':
    case 'client_secret_post': {
      const isInHeader = methodAt(credential.method, methods) === 'client_secret_basic';
      return isInHeader ? basic(server, client.clientId, credential.secret) : inBody(client.clientId, credential.secret);
    }
    case 'client_secret_jwt':
    case 'private_key_jwt':
      return asserted({ server, client, credential }, endpoint, metadata, algorithms, signing);
    case 'tls_client_auth':
    case 'self_signed_tls_client_auth':
      // RFC 8705 §2: the certificate is not known before the client is
      return {
        authorization: null,
        parameters: [['client_id', client.clientId]],
        certificate: clientCertificate(credential),
        assertionJti: null,
      };
  }
}

/** A secret goes by the header or in the body, whichever of the two an endpoint lists alone; all else is as at the token endpoint. */
export function methodAt(method: string, listed: readonly string[] | null): string {
  const other = { client_secret_basic: 'client_secret_post', client_secret_post: 'client_secret_basic' }[method];
  return other !== undefined && listed?.includes(method) === false && listed.includes(other) ? other : method;
}

async function asserted(
  party: AssertingParty,
  endpoint: string,
  metadata: ServerMetadata,
  algorithms: readonly string[] | null,
  signing: Signing,
): Promise<ClientAuthentication> {
  const { assertion, jti } = await clientAssertion(party, endpoint, metadata, algorithms, signing);
  const { clientId } = party.client;
  return {
    authorization: null,
    parameters: [
      ...(party.server.profile.clientIdWithAssertion ? [['client_id', clientId] as const] : []),
      ['client_assertion_type', JWT_BEARER],
      ['client_assertion', assertion.reveal()],
    ],
    certificate: null,
    assertionJti: jti,
  };
}

function requireBinding(party: Party, endpoint: string, metadata: ServerMetadata): void {
  const { server, credential } = party;
  const { tokenEndpoint } = endpointsFor(party, metadata);
  // bound by the first token request
  if (credential.tokenEndpointOrigin === null) throw new UpstreamFailed('credential_unavailable');
  const bound = credential.issuer === server.issuer && server.issuer === metadata.issuer;
  const isThere = credential.tokenEndpointOrigin === originOf(tokenEndpoint);
  const own = [credential.tokenEndpointOrigin, originOf(credential.issuer)];
  if (!bound || !isThere || !own.includes(originOf(endpoint))) throw new UpstreamFailed('credential_bound_elsewhere');
}

/** RFC 6749 §2.3.1: id and secret are form-encoded each, before they are joined; some servers want them as they are. */
function basic(server: AuthorizationServer, clientId: string, secret: Secret): ClientAuthentication {
  const encode = server.profile.basicEncoding === 'form' ? formEncode : (text: string) => text;
  const credentials = Buffer.from(`${encode(clientId)}:${encode(secret.reveal())}`, 'utf8').toString('base64');
  return { authorization: new Secret(`Basic ${credentials}`), parameters: [], certificate: null, assertionJti: null };
}

function inBody(clientId: string, secret: Secret): ClientAuthentication {
  return {
    authorization: null,
    parameters: [
      ['client_id', clientId],
      ['client_secret', secret.reveal()],
    ],
    certificate: null,
    assertionJti: null,
  };
}
