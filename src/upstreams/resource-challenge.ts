/** Characters of a header that are looked at. */
const MOST = 4_096;
/** A parameter of a challenge (RFC 9110 §11.2); what stands in quotes is taken as a whole, so that nothing is found inside. */
const PARAMETER = /([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+.^_`|~0-9A-Za-z-]+))/g;

/**
 * Where the challenges of a `WWW-Authenticate` header say that the metadata of the resource is (RFC 9728 §5.1), of whatever scheme; null
 * when they do not say it, or name two places.
 */
export function resourceMetadataHint(header: string | undefined): string | null {
  const named = [...(header ?? '').slice(0, MOST).matchAll(PARAMETER)]
    .filter(([, name = '']) => name.toLowerCase() === 'resource_metadata')
    .map(([, , quoted, bare]) => quoted?.replace(/\\(.)/g, '$1') ?? bare ?? '');
  const [first = null, ...others] = new Set(named);
  return others.length === 0 ? first : null;
}
