/**
 * The answer to a command of uvsadm, as it comes: one JSON object on each line, {"out": text}, {"err": text}, at the end {"exit": code}.
 * A slow reader holds up the command, not the memory of the director; one that goes away ends it.
 */
import type { ServerResponse } from 'node:http';

/** Where a command writes; resolves when more may come, rejects when nobody reads any longer. */
export interface CommandOutput {
  out(text: string): Promise<void>;
  err(text: string): Promise<void>;
}

/** Nobody reads any longer. */
export class ReaderGone extends Error {}

/** Text is sent once there is this much of it, in UTF-16 units. */
const CHUNK_LENGTH = 32_768;

export class CommandStream implements CommandOutput {
  readonly #response: ServerResponse;
  #kind: 'out' | 'err' = 'out';
  #text = '';

  constructor(response: ServerResponse) {
    this.#response = response;
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  }

  out(text: string): Promise<void> {
    return this.#take('out', text);
  }

  err(text: string): Promise<void> {
    return this.#take('err', text);
  }

  /** The last line. */
  async exit(code: number): Promise<void> {
    await this.#flush();
    this.#response.end(`${JSON.stringify({ exit: code })}\n`);
  }

  async #take(kind: 'out' | 'err', text: string): Promise<void> {
    if (this.#response.destroyed) throw new ReaderGone();
    if (kind !== this.#kind) await this.#flush();
    this.#kind = kind;
    this.#text += text;
    if (this.#text.length >= CHUNK_LENGTH) await this.#flush();
  }

  async #flush(): Promise<void> {
    if (this.#text === '') return;
    const line = `${JSON.stringify({ [this.#kind]: this.#text })}\n`;
    this.#text = '';
    if (!this.#response.write(line)) await drained(this.#response);
  }
}

/** A response that is closed never drains. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (then: () => void) => () => {
      response.off('drain', onDrain);
      response.off('close', onClose);
      then();
    };
    const onDrain = settle(resolve);
    const onClose = settle(() => reject(new ReaderGone()));
    response.once('drain', onDrain);
    response.once('close', onClose);
    if (response.destroyed) onClose();
  });
}
