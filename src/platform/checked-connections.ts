import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { promisify } from 'node:util';
import { Agent, buildConnector } from 'undici';

/** Resolves a host name to all its addresses. */
export type Resolve = (host: string) => Promise<readonly LookupAddress[]>;

export interface ConnectionOptions {
  readonly resolve?: Resolve;
  /** Certificates of authorities to trust instead of the system's, in PEM. */
  readonly authorities?: string;
  /** The certificate to show, and its key, in PEM. */
  readonly certificate?: { readonly key: string; readonly chain: string };
  /** Milliseconds until a connection, with its TLS handshake, must stand. */
  readonly connectTimeout?: number;
}

const lookupAll = promisify(systemLookup);
const resolveBySystem: Resolve = (host) => lookupAll(host, { all: true, order: 'verbatim' });

const CONNECT_TIMEOUT = 5_000;
const MAX_HEADERS = 16_384;
/** Per origin. More requests than this wait for a connection, inside their deadline. */
const MAX_CONNECTIONS = 64;

/** What refuses a connection before it is made. */
export class AddressRefused extends Error {}

/** Connections, kept alive and pooled by origin, of which each new one goes to an address that `accepts` let through. */
export function checkedConnections(options: ConnectionOptions, accepts: (address: string) => boolean): Agent {
  const connect = buildConnector({
    lookup: checkedLookup(options.resolve ?? resolveBySystem, accepts),
    timeout: options.connectTimeout ?? CONNECT_TIMEOUT,
    // said here, so that NODE_TLS_REJECT_UNAUTHORIZED and --tls-min-v1.0 have no say (CONFORMANCE A6)
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    ...(options.authorities === undefined ? {} : { ca: options.authorities }),
    ...(options.certificate === undefined ? {} : { key: options.certificate.key, cert: options.certificate.chain }),
  });
  return new Agent({
    connections: MAX_CONNECTIONS,
    maxHeaderSize: MAX_HEADERS,
    // the deadline of the whole exchange rules; these would only wait for each part (CONFORMANCE Q33)
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: (target, callback) => {
      // an address as it stands in a URL is never looked up, so it is checked here
      if (isIP(target.hostname) !== 0 && !accepts(target.hostname)) callback(new AddressRefused(), null);
      else connect(target, callback);
    },
  });
}

/**
 * The lookup of one new connection: the name is resolved once, and the connection can only go to an address of that answer
 * that passed, so that a second answer of the DNS has no say (CONFORMANCE A8).
 */
function checkedLookup(resolve: Resolve, accepts: (address: string) => boolean): LookupFunction {
  return (host, options, callback) => {
    resolve(host)
      .then((addresses) => addresses.filter(({ address }) => accepts(address)))
      .then(
        (accepted) => {
          const [first] = accepted;
          if (first === undefined) callback(new AddressRefused(), '');
          else if (options.all) callback(null, [...accepted]);
          else callback(null, first.address, first.family);
        },
        (error: NodeJS.ErrnoException) => callback(error, ''),
      );
  };
}
