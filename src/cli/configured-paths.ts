import { readVariable, type Environment } from '../config/given.js';

/** Where things lie. Absolute; nothing but a path is needed to know a path, however wrong the rest is. */
export interface ConfiguredPaths {
  readonly dataDirectory: string;
  readonly configFile: string;
  readonly policyDirectory: string;
  readonly isPolicyDirectoryNamed: boolean;
  readonly secretDirectory: string | null;
}

export function configuredPaths(environment: Environment, directory: string): ConfiguredPaths {
  return {
    dataDirectory: readVariable('CORRIDOR_DATA_DIR', environment, directory),
    configFile: readVariable('CORRIDOR_CONFIG', environment, directory),
    policyDirectory: readVariable('CORRIDOR_POLICIES', environment, directory),
    isPolicyDirectoryNamed: Boolean(environment['CORRIDOR_POLICIES']),
    secretDirectory: readVariable('CORRIDOR_SECRET_DIR', environment, directory),
  };
}
