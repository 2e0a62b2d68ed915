import { json } from '../../rig/hostile-authorization-server.js';
import { jwt } from '../answers.js';
import { NOW } from '../wish.js';
import { insisting, refuse, type Asked, type Vendor } from './vendor.js';

/*
 * Each server insists on what docs/profiles.md says of its vendor and answers in the vendor's way. None is more lenient than the
 * vendor is documented to be, so that a token from it is one that the vendor would have given too.
 */

const SECONDS = NOW / 1000;
const isGrant = ({ form }: Asked): boolean => form.get('grant_type') === 'client_credentials';
const isClient = ({ client }: Asked): boolean => client === 'corridor-indexer';
const isSignedBy = ({ assertion }: Asked, ...algorithms: string[]): boolean => algorithms.includes(String(assertion?.header.alg));
const life = { iat: SECONDS, exp: SECONDS + 3600 };

/** Audiences come from mappers, never from a parameter; the default client scopes are granted whatever was asked. */
const keycloak: Vendor = {
  profile: 'keycloak',
  byStandard: 'refused scope_broader',
  issuerPath: '/realms/demo',
  tokenPath: '/realms/demo/protocol/openid-connect/token',
  revocationPath: '/realms/demo/protocol/openid-connect/revoke',
  method: 'private_key_jwt',
  resource: { uri: 'https://crm.example/api', audience: 'crm-api', scopes: ['crm-read', 'crm-write'] },
  accepts: (asked) => isClient(asked) && asked.assertion?.claims.aud === asked.issuer,
  answer: (asked) => {
    const scope = [...asked.scopes, 'profile', 'email'].join(' ');
    const claims = { iss: asked.issuer, aud: 'crm-api', azp: asked.client, client_id: asked.client, scope, typ: 'Bearer', ...life };
    return insisting(
      [
        [!keycloak.accepts(asked), refuse('invalid_client', 401)],
        [!isGrant(asked), refuse('unsupported_grant_type')],
        [asked.scopes.some((name) => !name.startsWith('crm-')), refuse('invalid_scope', 400, 'Invalid scopes')],
      ],
      json({
        access_token: jwt(claims),
        expires_in: 3600,
        refresh_expires_in: 0,
        token_type: 'Bearer',
        'not-before-policy': 0,
        scope,
      }),
    );
  },
};

/** Without `audience` an opaque token comes back that is good for something else; `resource` means nothing. */
const auth0: Vendor = {
  profile: 'auth0',
  byStandard: 'refused audience_unverified',
  issuerPath: '/',
  tokenPath: '/oauth/token',
  revocationPath: '/oauth/revoke',
  method: 'private_key_jwt',
  resource: { uri: 'https://crm.example/api', scopes: ['read:crm', 'write:crm'] },
  accepts: (asked) => isClient(asked) && asked.assertion?.claims.aud === asked.issuer,
  answer: (asked) => {
    const audience = asked.form.get('audience');
    const scope = asked.scopes.join(' ');
    const claims = {
      iss: asked.issuer,
      sub: `${asked.client}@clients`,
      aud: audience,
      azp: asked.client,
      gty: 'client-credentials',
      scope,
      ...life,
    };
    return insisting(
      [
        [!auth0.accepts(asked) || !isSignedBy(asked, 'PS256', 'RS256', 'RS384'), refuse('invalid_client', 401)],
        [audience === null, json({ access_token: 'gh-opaque', expires_in: 3600, token_type: 'Bearer' })],
        [audience !== 'https://crm.example/api', refuse('access_denied', 403, `Service not found: ${audience}`)],
      ],
      json({ access_token: jwt(claims), scope, expires_in: 3600, token_type: 'Bearer' }),
    );
  },
};

/** One scope, `<resource>/.default`, and no `resource`; all application roles that the client was given come back. */
const entra: Vendor = {
  profile: 'entra',
  byStandard: 'failed request_rejected',
  issuerPath: '/9188040d/v2.0',
  tokenPath: '/9188040d/oauth2/v2.0/token',
  revocationPath: null,
  method: 'private_key_jwt',
  resource: { uri: 'https://crm.example/api', audience: 'api://crm', scopes: ['Crm.Read.All', 'Crm.Write.All'] },
  accepts: (asked) => isClient(asked) && asked.assertion?.claims.aud === asked.tokenEndpoint,
  answer: (asked) => {
    const claims = {
      iss: `https://sts.windows.net/9188040d/`,
      aud: 'api://crm',
      appid: asked.client,
      roles: ['Crm.Write.All', 'Crm.Read.All'],
      ver: '1.0',
      ...life,
    };
    const { header } = asked.assertion ?? {};
    return insisting(
      [
        [asked.form.has('resource'), refuse('invalid_request', 400, "AADSTS901002: The 'resource' request parameter isn't supported.")],
        [asked.form.get('client_id') !== asked.client, refuse('invalid_request', 400, "AADSTS900144: the body must contain 'client_id'.")],
        [!entra.accepts(asked), refuse('invalid_client', 401, 'AADSTS700023')],
        [!isSignedBy(asked, 'PS256', 'RS256'), refuse('invalid_client', 401, 'AADSTS5002738')],
        [header?.typ !== 'JWT' || typeof header['x5t#S256'] !== 'string', refuse('invalid_client', 401, 'AADSTS700027')],
        [asked.scopes.join() !== 'api://crm/.default', refuse('invalid_scope', 400, 'AADSTS1002012')],
      ],
      json({ token_type: 'Bearer', expires_in: 3599, ext_expires_in: 3599, access_token: jwt(claims) }),
    );
  },
};

/** A custom authorization server, whose one audience is its own; the assertion names the endpoint that is called. */
const okta: Vendor = {
  profile: 'okta',
  byStandard: 'failed client_refused',
  issuerPath: '/oauth2/default',
  tokenPath: '/oauth2/default/v1/token',
  revocationPath: '/oauth2/default/v1/revoke',
  method: 'private_key_jwt',
  resource: { uri: 'https://crm.example/api', audience: 'api://default', scopes: ['crm.read', 'crm.write'] },
  accepts: (asked) => isClient(asked) && asked.assertion?.claims.aud === asked.endpoint,
  answer: (asked) => {
    const claims = { ver: 1, iss: asked.issuer, aud: 'api://default', cid: asked.client, scp: asked.scopes, ...life };
    return insisting(
      [
        [
          !okta.accepts(asked),
          refuse('invalid_client', 401, 'The audience claim for client_assertion must be the endpoint invoked for the request.'),
        ],
        [
          asked.scopes.length === 0,
          refuse('invalid_scope', 400, 'The authorization server resource does not have any configured default scopes.'),
        ],
      ],
      json({ token_type: 'Bearer', expires_in: 3600, access_token: jwt(claims), scope: asked.scopes.join(' ') }),
    );
  },
};

/** Scopes of one resource alone; assertions by RS* or ES*, for the issuer, the token endpoint or the endpoint that is called. */
const ping: Vendor = {
  profile: 'ping',
  byStandard: 'token',
  issuerPath: '/abfba8f6/as',
  tokenPath: '/abfba8f6/as/token',
  revocationPath: '/abfba8f6/as/revoke',
  method: 'private_key_jwt',
  resource: { uri: 'https://crm.example/api', scopes: ['crm:read', 'crm:write'] },
  accepts: (asked) => {
    const { header, claims } = asked.assertion ?? {};
    const isForIt = [asked.issuer, asked.tokenEndpoint, asked.endpoint].some((audience) => audience === claims?.aud);
    return isClient(asked) && /^[RE]S(256|384|512)$/.test(header?.alg ?? '') && isForIt;
  },
  answer: (asked) => {
    const claims = { iss: asked.issuer, aud: ['https://crm.example/api'], client_id: asked.client, scope: asked.scopes.join(' '), ...life };
    return insisting(
      [
        [!ping.accepts(asked), refuse('invalid_client', 401)],
        [
          new Set(asked.scopes.map((scope) => scope.split(':')[0])).size > 1,
          refuse('invalid_scope', 400, 'May not request scopes for multiple resources'),
        ],
      ],
      json({ access_token: jwt(claims), token_type: 'Bearer', expires_in: 3600 }),
    );
  },
};

/** Scopes are the resource server's identifier, a slash and a name; the token has no audience, and Basic is the only proof. */
const cognito: Vendor = {
  profile: 'cognito',
  byStandard: 'failed scope_rejected',
  issuerPath: '/eu-central-1_demo',
  tokenPath: '/oauth2/token',
  revocationPath: '/oauth2/revoke',
  method: 'client_secret_basic',
  resource: { uri: 'https://crm.example/api', audience: 'crm', scopes: ['read', 'write'] },
  accepts: (asked) => isClient(asked) && asked.assertion === null,
  answer: (asked) => {
    const claims = {
      sub: asked.client,
      token_use: 'access',
      scope: asked.scopes.join(' '),
      iss: asked.issuer,
      client_id: asked.client,
      version: 2,
      ...life,
    };
    return insisting(
      [
        [!cognito.accepts(asked), refuse('invalid_client')],
        [asked.scopes.some((scope) => !/^crm\/(read|write)$/.test(scope)), refuse('invalid_scope')],
      ],
      json({ access_token: jwt(claims), expires_in: 3600, token_type: 'Bearer' }),
    );
  },
};

/** All scopes of the app, whatever is asked; no `expires_in`, and the instance where the token is good beside it. */
const salesforce: Vendor = {
  profile: 'salesforce',
  byStandard: 'refused audience_unverified',
  issuerPath: '',
  tokenPath: '/services/oauth2/token',
  revocationPath: '/services/oauth2/revoke',
  method: 'client_secret_basic',
  resource: { uri: null, scopes: ['api', 'cdp_query_api'] },
  accepts: isClient,
  answer: (asked) =>
    insisting(
      [[!salesforce.accepts(asked), refuse('invalid_client', 400, 'invalid client credentials')]],
      json({
        access_token: '00Ddemo!AQEAQ.not.a.token',
        signature: 'c2lnbmF0dXJl',
        scope: 'cdp_query_api api',
        instance_url: asked.issuer,
        id: `${asked.issuer}/id/00Ddemo/005demo`,
        token_type: 'Bearer',
        issued_at: String(NOW),
        api_instance_url: 'https://api.salesforce.example',
      }),
    ),
};

/** Audiences are asked for by `audience`, and must be on the client's list; a JWT says its scopes in `scp`. */
const hydra: Vendor = {
  profile: 'hydra',
  byStandard: 'failed client_refused',
  issuerPath: '/',
  tokenPath: '/oauth2/token',
  revocationPath: '/oauth2/revoke',
  method: 'private_key_jwt',
  resource: { uri: 'https://crm.example/api', scopes: ['crm.read', 'crm.write'] },
  accepts: (asked) => {
    const { aud, jti } = asked.assertion?.claims ?? {};
    return isClient(asked) && aud === asked.tokenEndpoint && jti !== undefined;
  },
  answer: (asked) => {
    const audience = asked.form.getAll('audience');
    const claims = { iss: asked.issuer, aud: audience, client_id: asked.client, scp: asked.scopes, ext: {}, ...life };
    return insisting(
      [
        [!hydra.accepts(asked), refuse('invalid_client', 401)],
        [
          audience.some((one) => one !== 'https://crm.example/api'),
          refuse('invalid_request', 400, 'Requested audience has not been whitelisted'),
        ],
        [asked.scopes.some((scope) => !scope.startsWith('crm.')), refuse('invalid_scope')],
      ],
      json({ access_token: jwt(claims), expires_in: 3599, scope: asked.scopes.join(' '), token_type: 'bearer' }),
    );
  },
};

/** A server that takes RFC 8707 at its word. */
const standard: Vendor = {
  profile: 'standard',
  byStandard: 'token',
  issuerPath: '',
  tokenPath: '/token',
  revocationPath: '/revoke',
  method: 'private_key_jwt',
  resource: { uri: 'https://crm.example/api', scopes: ['crm:read', 'crm:write'] },
  accepts: (asked) => {
    const { header, claims } = asked.assertion ?? {};
    return isClient(asked) && claims?.aud === asked.issuer && header?.typ === 'client-authentication+jwt';
  },
  answer: (asked) => {
    const aud = asked.form.get('resource');
    const claims = { iss: asked.issuer, aud, client_id: asked.client, scope: asked.scopes.join(' '), ...life };
    return insisting(
      [
        [!standard.accepts(asked), refuse('invalid_client', 401)],
        [aud !== 'https://crm.example/api', refuse('invalid_target')],
      ],
      json({ access_token: jwt(claims), expires_in: 3600, token_type: 'Bearer' }),
    );
  },
};

export const vendors: readonly Vendor[] = [standard, keycloak, auth0, entra, okta, ping, cognito, salesforce, hydra];
