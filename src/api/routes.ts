/** What a director answers: method and path to one of its functions. Everything that comes from outside is checked here. */
import { z } from 'zod';
import { UvsError } from '../base/errors.ts';
import type { SettingValue } from '../base/settings.ts';
import type { DirectorStatus, ServiceKey } from '../control/directorStatus.ts';
import type { CommandOutput } from './commandStream.ts';
import { MAX_LISTED_CONNECTIONS } from './socketPath.ts';

/** What the API asks of a director. */
export interface DirectorApi {
  /** @param connections how many connections to list at most */
  status(connections: number): Promise<DirectorStatus>;
  settings(): Readonly<Record<string, SettingValue>>;
  /** Rejects with UvsError, and then nothing has changed. */
  changeSettings(values: Readonly<Record<string, SettingValue>>): Promise<unknown>;
  /** @param service undefined = all, and the total */
  zeroStatistics(service?: ServiceKey): Promise<void>;
  /** Carries out a command line of uvsadm. @returns its exit code, when all it says has been written */
  uvsadm(call: UvsadmCall, output: CommandOutput): Promise<number>;
}

/** A command line of uvsadm. */
export interface UvsadmCall {
  /** As the program was called: its messages follow the name. */
  readonly program: string;
  readonly args: readonly string[];
  /** What stands on standard input, for those that read it. */
  readonly input: string;
}

/** Answered as a stream (commandStream.ts), by POST. */
export const UVSADM_PATH = '/v1/uvsadm';

export interface ApiAnswer {
  readonly code: number;
  readonly body: object;
}

/** One thing that can be asked. */
type Handler = (director: DirectorApi, url: URL, body: unknown) => Promise<object>;

const ROUTES: Readonly<Record<string, Readonly<Record<string, Handler>>>> = {
  '/v1/status': { GET: (director, url) => director.status(listedConnections(url)) },
  '/v1/settings': {
    GET: async (director) => director.settings(),
    async PATCH(director, _url, body) {
      await director.changeSettings(checked(SETTINGS, body));
      return director.settings();
    },
  },
  '/v1/statistics/zero': {
    async POST(director, _url, body) {
      await director.zeroStatistics(checked(ZERO, body).service);
      return {};
    },
  },
};

const number = z.number();
const SETTINGS = z.record(z.string(), z.union([number, z.tuple([number, number])]));
const PORT = z.int().min(0).max(65_535);
const SERVICE = z.union([
  z.strictObject({ protocol: z.enum(['tcp', 'udp', 'sctp']), address: z.string(), port: PORT }),
  z.strictObject({ firewallMark: z.int().min(1).max(0xffff_ffff), family: z.enum(['v4', 'v6']) }),
]);
const ZERO = z.strictObject({ service: SERVICE.optional() });
const CALL = z.strictObject({
  program: z.string().min(1).max(255),
  args: z.array(z.string()).max(4096),
  input: z.string().default(''),
});

/** What is wrong with the question itself. */
class BadQuestion extends Error {}

/** @param text body of the question; empty = none */
export async function answerTo(director: DirectorApi, method: string, target: string, text: string): Promise<ApiAnswer> {
  const url = URL.parse(target, 'http://uvs');
  if (url === null) return { code: 400, body: { error: 'not a URL' } };
  const route = Object.hasOwn(ROUTES, url.pathname) ? ROUTES[url.pathname] : undefined;
  if (route === undefined) {
    return {
      code: 404,
      body: { error: `nothing at ${url.pathname}; there is ${[...Object.keys(ROUTES), UVSADM_PATH].join(', ')}` },
    };
  }
  const handler = Object.hasOwn(route, method) ? route[method] : undefined;
  if (handler === undefined) return { code: 405, body: { error: `only ${Object.keys(route).join(', ')}` } };
  try {
    return { code: 200, body: await handler(director, url, text === '' ? {} : parsed(text)) };
  } catch (error) {
    return refusal(error);
  }
}

/** @returns the command, or why the body is none */
export function readUvsadmCall(text: string): UvsadmCall | ApiAnswer {
  try {
    return checked(CALL, parsed(text));
  } catch (error) {
    return refusal(error);
  }
}

function refusal(error: unknown): ApiAnswer {
  if (error instanceof BadQuestion) return { code: 400, body: { error: error.message } };
  if (error instanceof UvsError) return { code: 422, body: { error: error.message, code: error.code, hint: error.hint } };
  return { code: 503, body: { error: error instanceof Error ? error.message : String(error) } };
}

function listedConnections(url: URL): number {
  const connections = Number(url.searchParams.get('connections') ?? 0);
  if (Number.isInteger(connections) && connections >= 0 && connections <= MAX_LISTED_CONNECTIONS) return connections;
  throw new BadQuestion(`connections must be an integer from 0 to ${MAX_LISTED_CONNECTIONS}`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new BadQuestion('the body is not JSON');
  }
}

function checked<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const outcome = schema.safeParse(body);
  if (outcome.success) return outcome.data;
  const issue = outcome.error.issues[0];
  throw new BadQuestion(`${issue?.path.join('.') || 'the body'}: ${issue?.message ?? 'wrong'}`);
}
