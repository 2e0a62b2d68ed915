import { once } from 'node:events';
import net from 'node:net';
import { awake } from './awake.js';

/** Sends the lines as they are and gives everything that comes back, for what no client library would send. */
export async function sendRaw(url: URL, lines: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(url.port), url.hostname, () => socket.write(lines.join('\r\n')));
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => (text += chunk));
    socket.on('end', () => resolve(text));
    socket.on('error', reject);
  });
}

/** Says something, goes on saying one byte after the other, and gives what came back and after how many milliseconds awake it was over. */
export async function sendSlowly(url: URL, lines: readonly string[], interval: number): Promise<{ text: string; took: number }> {
  const began = awake();
  const socket = net.connect(Number(url.port), url.hostname, () => socket.write(lines.join('\r\n')));
  let text = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => (text += chunk));
  socket.on('error', () => {}); // a byte that meets a connection that was closed
  const drip = setInterval(() => socket.write('x'), interval);
  await once(socket, 'close');
  clearInterval(drip);
  return { text, took: awake() - began };
}

/** Takes an answer apart: its status, its headers in lower case, and what follows them. */
export function parseAnswer(text: string): { status: number; headers: Headers; body: string } {
  const end = text.indexOf('\r\n\r\n');
  const [first = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers = new Headers(
    lines.map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
  );
  return { status: Number(first.split(' ')[1]), headers, body: text.slice(end + 4) };
}
