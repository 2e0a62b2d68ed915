import { noStore, type OAuthAnswer } from './oauth-error.js';
import { problem } from './problem.js';

/** What goes over the wire for an error of the framework's own: as OAuth JSON under /oauth2/ (CONFORMANCE B64), else as a problem. */
export function frameworkAnswer(status: number, underOAuth: boolean): OAuthAnswer {
  if (!underOAuth) return { status, headers: { 'cache-control': 'no-store' }, body: { ...problem(status, 'http', sentence(status)) } };
  const allow: Readonly<Record<string, string>> = status === 405 ? { allow: 'POST' } : {};
  return { status, headers: { ...noStore, ...allow }, body: { error: 'invalid_request', error_description: sentence(status) } };
}

export function contentType(underOAuth: boolean): string {
  return underOAuth ? 'application/json' : 'application/problem+json';
}

function sentence(status: number): string {
  switch (status) {
    case 404:
      return 'there is nothing at this path';
    case 405:
      return 'this path takes another method';
    case 408:
      return 'the request did not arrive in time';
    case 413:
      return 'the body is too large';
    case 415:
      return 'the body has another media type than this path takes';
    case 431:
      return 'the headers are too large';
    default:
      return 'the request is malformed';
  }
}
