import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** What happens to the next message that holds the marked text. */
export type Loss =
  /** It arrives and is carried out, and its answer is lost with the connection. */
  | 'answer'
  /** It arrives, and the connection is lost before the server could answer. */
  | 'connection'
  /** It never arrives, and the connection is lost. */
  | 'message';

/** A wire to a server that loses what it is told to. */
export class LossyWire {
  readonly #sockets = new Set<Socket>();
  #loss: Loss | null = null;
  lost = 0;

  private constructor(
    private readonly server: Server,
    private readonly target: URL,
    private readonly marked: string,
  ) {
    server.on('connection', (client) => this.#carry(client));
  }

  static async to(url: string, marked: string): Promise<LossyWire> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new LossyWire(server, new URL(url), marked);
  }

  /** The same address, over this wire. */
  get url(): string {
    const url = new URL(this.target);
    url.host = `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
    return url.href;
  }

  lose(next: Loss): void {
    this.#loss = next;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  #carry(client: Socket): void {
    const server = connect(Number(this.target.port), this.target.hostname);
    let losing: Loss | null = null;
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
    }
    client.on('data', (bytes) => {
      if (this.#loss !== null && bytes.includes(this.marked)) {
        losing = this.#loss;
        this.#loss = null;
        this.lost++;
      }
      if (losing === 'message') {
        client.destroy();
        server.destroy();
      } else {
        server.write(bytes);
        if (losing === 'connection') client.destroy();
      }
    });
    server.on('data', (bytes) => {
      if (losing === null) client.write(bytes);
      else if (bytes.includes('CALL')) client.destroy();
    });
    client.on('close', () => losing === null && server.destroy());
    server.on('close', () => client.destroy());
  }
}
