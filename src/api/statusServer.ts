/** A running director's API: JSON over HTTP on a Unix socket. `routes.ts` says what can be asked. */
import { chmodSync, existsSync, lstatSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { UvsError } from '../base/errors.ts';
import { CommandStream, ReaderGone } from './commandStream.ts';
import { answerTo, type DirectorApi, readUvsadmCall, UVSADM_PATH } from './routes.ts';

/** Of a question's body, in UTF-16 units; a question is a few settings. */
const MAX_BODY_LENGTH = 65_536;
/** Of a command's body, which may restore a hundred thousand real servers. */
const MAX_COMMAND_LENGTH = 64 << 20;
/** The longest path that fits struct sockaddr_un with its final zero. */
const MAX_SOCKET_PATH_BYTES = 107;
/** Of a command that could not be carried out, as of one that the kernel refuses. */
const EXIT_REFUSED = 255;

export interface StatusServer {
  /** Answers no more and removes the socket. */
  close(): Promise<void>;
}

/**
 * @param director asked for each answer
 * @returns when the socket takes questions; rejects with UvsError SOCKET_IN_USE, or KERNEL_REFUSED when the path cannot be used
 */
export async function startStatusServer(path: string, director: DirectorApi): Promise<StatusServer> {
  const server = createServer((request, response) => void answer(request, response, director));
  try {
    if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES)
      throw new Error(`the path is longer than ${MAX_SOCKET_PATH_BYTES} bytes`);
    mkdirSync(dirname(path), { recursive: true });
    await listenOrReplace(server, path);
    chmodSync(path, 0o600);
  } catch (cause) {
    server.close();
    if (cause instanceof UvsError) throw cause;
    const hint = 'Pass another --socket.';
    throw new UvsError('KERNEL_REFUSED', `cannot listen on ${path}: ${reasonOf(cause)}`, { hint, cause });
  }
  return { close: () => closeServer(server) };
}

/** Rejects with UvsError SOCKET_IN_USE when a process listens there: the sooner a second director knows, the less it disturbs. */
export async function ensureSocketIsFree(path: string): Promise<void> {
  if (existsSync(path) && (await isAnswered(path))) throw new UvsError('SOCKET_IN_USE', `another process listens on ${path}`);
}

async function listenOrReplace(server: Server, path: string): Promise<void> {
  try {
    await listen(server, path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause;
    await ensureSocketIsFree(path);
    // Anything else is not ours to remove.
    if (!lstatSync(path).isSocket()) throw cause;
    rmSync(path);
    await listen(server, path);
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** A socket file whose process is dead refuses connections. */
function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'));
  });
}

async function answer(request: IncomingMessage, response: ServerResponse, director: DirectorApi): Promise<void> {
  const isCommand = request.method === 'POST' && request.url === UVSADM_PATH;
  const limit = isCommand ? MAX_COMMAND_LENGTH : MAX_BODY_LENGTH;
  const text = await bodyOf(request, limit).catch(() => undefined);
  if (text === undefined) return send(response, 413, { error: `the body is longer than ${limit} bytes` });
  if (isCommand) return answerCommand(response, text, director);
  const { code, body } = await answerTo(director, request.method ?? '', request.url ?? '', text);
  send(response, code, body);
}

async function answerCommand(response: ServerResponse, text: string, director: DirectorApi): Promise<void> {
  const call = readUvsadmCall(text);
  if ('code' in call) return send(response, call.code, call.body);
  const stream = new CommandStream(response);
  try {
    await stream.exit(await director.uvsadm(call, stream));
  } catch (error) {
    if (error instanceof ReaderGone) return;
    // A refusal has been written by the command itself; this is a data plane that does not answer, or a mistake of ours.
    await stream.err(`${call.program}: ${reasonOf(error)}\n`).then(
      () => stream.exit(EXIT_REFUSED),
      () => undefined,
    );
  }
}

async function bodyOf(request: IncomingMessage, limit: number): Promise<string> {
  const parts: string[] = [];
  let length = 0;
  for await (const part of request.setEncoding('utf8')) {
    parts.push(part);
    length += part.length;
    if (length > limit) throw new Error('too long');
  }
  return parts.join('');
}

function send(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    // Node removes the socket file of a server that closes.
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
