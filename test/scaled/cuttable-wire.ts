import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A wire to a server, whose connections can be cut, and which can swallow what is sent over it. */
export class CuttableWire {
  readonly #sockets = new Set<Socket>();
  #cuts = 0;
  /** What is held back meanwhile; null: all of it is carried. */
  #swallowed: (() => void)[] | null = null;

  private constructor(
    private readonly server: Server,
    private readonly target: URL,
  ) {
    server.on('connection', (client) => this.#carry(client));
  }

  static async to(url: string): Promise<CuttableWire> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new CuttableWire(server, new URL(url));
  }

  /** The same address, over this wire. */
  get url(): string {
    const url = new URL(this.target);
    url.host = `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
    return url.href;
  }

  /** How many connections were cut so far. */
  get cuts(): number {
    return this.#cuts;
  }

  cut(): void {
    this.#cuts += this.#sockets.size / 2;
    for (const socket of this.#sockets) socket.destroy();
  }

  /**
   * From now on nothing arrives in either direction, as where packets are dropped on the way: connections stay open, new ones open too,
   * and nobody is answered.
   */
  swallow(): void {
    this.#swallowed ??= [];
  }

  /** Everything arrives again; what was held back first, as it is sent again by whoever had no word of its arrival. */
  carry(): void {
    const late = this.#swallowed ?? [];
    this.#swallowed = null;
    for (const write of late) write();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  #carry(client: Socket): void {
    const server = connect(Number(this.target.port), this.target.hostname);
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      socket.setNoDelay(true);
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      socket.on('data', (bytes) => this.#pass(() => other.write(bytes)));
    }
  }

  #pass(write: () => void): void {
    if (this.#swallowed === null) write();
    else this.#swallowed.push(write);
  }
}
