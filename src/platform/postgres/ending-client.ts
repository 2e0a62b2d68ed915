import pg from 'pg';

/** How long the server has to close a connection that it was told the end of. */
const CLOSES_WITHIN_MS = 1_000;

/**
 * A connection that ends whatever its server does: the driver waits until the server closes its side, and one that is frozen or cut off
 * never does. Until then the socket would also keep this process alive.
 */
export class EndingClient extends pg.Client {
  override end(): Promise<void>;
  override end(callback: (error: Error) => void): void;
  override end(callback?: (error: Error) => void): Promise<void> | void {
    const force = setTimeout(() => this.connection.stream.destroy(), CLOSES_WITHIN_MS).unref();
    this.connection.once('end', () => clearTimeout(force));
    return callback === undefined ? super.end() : super.end(callback);
  }
}
