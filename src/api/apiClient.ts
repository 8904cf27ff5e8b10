/** One question to a running director. */
import { request } from 'node:http';
import { type ErrorCode, UvsError } from '../base/errors.ts';

const TIMEOUT_MS = 5000;

interface Answer {
  readonly code: number;
  readonly text: string;
}

export interface Question {
  readonly method: 'GET' | 'PATCH' | 'POST';
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: object;
}

/**
 * @returns what the director answers, parsed; rejects with UvsError DIRECTOR_UNREACHABLE when nobody answers in time or what answers is no
 *   director, and with the director's own error when it refuses
 */
export async function askDirector(socketPath: string, question: Question): Promise<unknown> {
  const { code, text } = await ask(socketPath, question);
  const body = parseBody(text, socketPath);
  if (code === 200) return body;
  const { error, code: errorCode, hint } = body as { error?: string; code?: ErrorCode; hint?: string };
  if (errorCode !== undefined && hint !== undefined) throw new UvsError(errorCode, error ?? errorCode, { hint });
  throw new UvsError('DIRECTOR_UNREACHABLE', `the director on ${socketPath} answers: ${error ?? code}`, { hint: 'See its log.' });
}

function ask(socketPath: string, { method, path, body }: Question): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) => reject(unreachable(socketPath, cause));
    const question = request({ socketPath, method, path, timeout: TIMEOUT_MS }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
      response.once('end', () => resolve({ code: response.statusCode ?? 0, text }));
      response.once('error', fail);
    });
    question.once('timeout', () => question.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
    question.once('error', fail);
    question.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function parseBody(text: string, socketPath: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UvsError('DIRECTOR_UNREACHABLE', `what listens on ${socketPath} is no director`, { cause });
  }
}

function unreachable(socketPath: string, cause: NodeJS.ErrnoException): UvsError {
  if (cause.code === 'EACCES') {
    const hint = 'Ask as the user that the director runs as.';
    return new UvsError('DIRECTOR_UNREACHABLE', `not allowed to ask the director on ${socketPath}`, { hint, cause });
  }
  const isAbsent = cause.code === 'ENOENT' || cause.code === 'ECONNREFUSED';
  return new UvsError('DIRECTOR_UNREACHABLE', `no director on ${socketPath}${isAbsent ? '' : `: ${cause.message}`}`, { cause });
}
