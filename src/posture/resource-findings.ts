import type { AuthorizationServer, Catalogue, Resource } from '../catalogue/catalogue.js';
import type { Finding } from './finding.js';

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** What is said of resources and of the servers that issue their tokens. */
export function resourceFindings(catalogue: Catalogue): Finding[] {
  return [...Object.values(catalogue.authorizationServers).flatMap(plainHttp), ...Object.values(catalogue.resources).flatMap(ofResource)];
}

/** On the loopback interface nobody listens in. */
function plainHttp(server: AuthorizationServer): Finding[] {
  const urls = [server.issuer, server.tokenEndpoint, server.mtlsTokenEndpoint, server.revocationEndpoint]
    .filter((url) => url !== undefined)
    .map((url) => new URL(url));
  if (!urls.some((url) => url.protocol === 'http:' && !LOOPBACK.test(url.hostname))) return [];
  const message = 'it is reached by plain http: secrets and tokens cross the network in clear; give it https';
  return [{ code: 'plain_http', severity: 'warning', subject: `authorization server ${server.id}`, message }];
}

function ofResource(resource: Resource): Finding[] {
  const subject = `resource ${resource.id}`;
  const findings: Finding[] = [];
  if (resource.scopes.length > 1 && resource.defaultScopes.length === resource.scopes.length) {
    const message = 'a request that names no scope gets all of them: leave the strongest out of default_scopes';
    findings.push({ code: 'default_scopes_broad', severity: 'warning', subject, message });
  }
  if (!resource.verifyAudience) {
    const message =
      'a token whose audience cannot be learned is accepted, and recorded as unverified: set verify_audience where its tokens are JWTs';
    findings.push({ code: 'audience_not_required', severity: 'info', subject, message });
  }
  return findings;
}
