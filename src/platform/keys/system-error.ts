/** The code of an error of the operating system, such as ENOENT. Its message is not used where it could name more than it should. */
export function systemErrorCode(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
}
