/** Asks a running director for its status. */
import { request } from 'node:http';
import { UvsError } from '../base/errors.ts';
import type { DirectorStatus } from '../control/directorStatus.ts';

const TIMEOUT_MS = 5000;

interface Answer {
  readonly code: number;
  readonly text: string;
}

/**
 * @param connections how many connections to list at most
 * @returns rejects with UvsError DIRECTOR_UNREACHABLE when nobody answers in time, or what answers is no director
 */
export async function fetchStatus(socketPath: string, connections: number): Promise<DirectorStatus> {
  const { code, text } = await ask(socketPath, `/v1/status?connections=${connections}`);
  const body = parseBody(text, socketPath);
  if (code === 200) return body as DirectorStatus;
  const { error } = body as { error?: string };
  throw new UvsError('DIRECTOR_UNREACHABLE', `the director on ${socketPath} answers: ${error ?? code}`, { hint: 'See its log.' });
}

function ask(socketPath: string, path: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) => reject(unreachable(socketPath, cause));
    const question = request({ socketPath, path, timeout: TIMEOUT_MS }, (response) => {
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
    question.end();
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
