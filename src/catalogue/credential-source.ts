import type { CredentialSource } from './catalogue.js';

/** The only names that an `env:` reference may read: Corridor's own settings and other programs' secrets are out of its reach. */
export const clientVariablePattern = /^CORRIDOR_CLIENT_[A-Za-z0-9_]+$/;

/** Parses `generate`, `env:NAME` or `file:PATH`. A problem is a sentence that follows the member's name and never repeats the text. */
export function parseCredentialSource(text: string): CredentialSource | { readonly problem: string } {
  if (text === 'generate') return { kind: 'generate' };
  if (text.startsWith('env:')) {
    const name = text.slice('env:'.length);
    if (clientVariablePattern.test(name)) return { kind: 'env', name };
    return {
      problem: 'may read only variables whose names begin with CORRIDOR_CLIENT_, such as env:CORRIDOR_CLIENT_CRM: rename the variable',
    };
  }
  if (text.startsWith('file:')) {
    const path = text.slice('file:'.length);
    if (path !== '' && path.length <= 1_000 && !/\p{Cc}/u.test(path)) return { kind: 'file', path };
    return { problem: 'needs a path after file:, relative to CORRIDOR_SECRET_DIR' };
  }
  if (text.startsWith('vault:')) return { problem: 'is a vault: reference, which is not supported yet: use generate, env: or file:' };
  return {
    problem: 'must be generate, env:NAME or file:PATH: a secret itself never stands in this file, and if it did, replace it at its server',
  };
}

/** The path of a `file:` reference to the certificates of authorities; null when it is none. */
export function authoritiesPath(text: string): string | null {
  const source = parseCredentialSource(text);
  return 'kind' in source && source.kind === 'file' ? source.path : null;
}

export function printCredentialSource(source: CredentialSource): string {
  switch (source.kind) {
    case 'generate':
      return 'generate';
    case 'env':
      return `env:${source.name}`;
    case 'file':
      return `file:${source.path}`;
  }
}
