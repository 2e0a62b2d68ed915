import { profiles } from '../catalogue/profile.js';

export interface Suggestion {
  readonly name: string;
  readonly why: string;
}

/** By what an issuer of each product looks like, as their makers document it. */
const MARKS: readonly (readonly [name: string, mark: RegExp, why: string])[] = [
  ['entra', /^https:\/\/(login\.microsoftonline\.(com|us)|login\.partner\.microsoftonline\.cn|sts\.windows\.net)\//, 'a Microsoft host'],
  ['auth0', /^https:\/\/[a-z0-9.-]+\.auth0\.com\/?$/, 'an Auth0 host'],
  ['okta', /^https:\/\/[a-z0-9.-]+\.(okta|oktapreview|okta-emea)\.com(\/|$)/, 'an Okta host'],
  ['cognito', /^https:\/\/cognito-idp\.[a-z0-9-]+\.amazonaws\.com(\.cn)?\//, 'an Amazon Cognito host'],
  ['salesforce', /^https:\/\/[a-z0-9.-]+\.salesforce\.com\/?$/, 'a Salesforce host'],
  ['ping', /^https:\/\/[a-z0-9.-]+\.(pingone\.[a-z.]+|ping-eng\.com|pingidentity\.cloud)(\/|$)/, 'a Ping host'],
  ['keycloak', /\/realms\/[^/]+$/, 'an issuer path as Keycloak has it'],
];

/** Which of the profiles that there are fits a server. An issuer of nobody's making gets the specification's. */
export function suggestProfile(issuer: string): Suggestion {
  const mark = MARKS.find(([name, pattern]) => Object.hasOwn(profiles, name) && pattern.test(issuer));
  if (mark !== undefined) return { name: mark[0], why: `${issuer} is ${mark[2]}` };
  return { name: 'standard', why: 'nothing about it points to a product with a profile of its own' };
}
