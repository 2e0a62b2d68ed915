import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { contentType, frameworkAnswer } from './framework-answer.js';

/**
 * Answers what is no HTTP, or did not arrive in time, and closes the connection. Nothing is known of a path then: it is answered as
 * under the OAuth endpoints, where agents are (CONFORMANCE B8, B64). What is no TLS where TLS is spoken is told nothing.
 */
export function answerUnreadable(error: NodeJS.ErrnoException, socket: Socket, always: Readonly<Record<string, string>> = {}): void {
  if (!/^(HPE|ERR_HTTP)_/.test(error.code ?? '') || !socket.writable) {
    socket.destroy();
    return;
  }
  const { status, headers, body } = frameworkAnswer(statusOf(error.code), true);
  const text = JSON.stringify(body);
  const lines = Object.entries({
    ...always,
    ...headers,
    'content-type': contentType(true),
    'content-length': String(Buffer.byteLength(text)),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}\r\n${lines.join('')}\r\n${text}`, () => socket.destroy());
}

function statusOf(code: string | undefined): number {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 408;
  return code === 'HPE_HEADER_OVERFLOW' ? 431 : 400;
}
