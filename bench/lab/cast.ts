/** The cast of a run: every peer that this machine has, awake one at a time, on a stage of its own with a real server behind it. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type LabProcess, startInNamespace } from '../../src/lab/labProcess.ts';
import type { LoadedStage } from './loads.ts';
import { makeFolder } from './nativeTools.ts';
import { realServerConfig } from './peerConfigs.ts';
import type { Peer } from './peers.ts';
import { closeStage, openStage, removeLeftStages } from './stage.ts';

export interface Member extends LoadedStage {
  readonly description: Peer;
  /** Wakes the director for as long as `work` takes. */
  readonly awake: <Result>(work: () => Promise<Result>) => Promise<Result>;
}

export class Cast {
  readonly folder: string;
  readonly members: Member[] = [];
  /** Peers that did not start, and why. */
  readonly missing: string[] = [];
  readonly #progress: (line: string) => void;
  readonly #closers: (() => Promise<void>)[] = [];

  /** @param progress gets the name of what is missing, and why */
  constructor(progress: (line: string) => void) {
    this.folder = makeFolder();
    this.#progress = progress;
  }

  /** Removes what a killed run has left, too. */
  async prepare(): Promise<void> {
    await removeLeftStages();
  }

  /** Adds those that start. @param prepare what else must work before a peer takes part; rejects with the reason when it does not */
  async add(peers: readonly Peer[], generator: string, prepare: (member: Member) => Promise<void>): Promise<void> {
    for (const peer of peers) {
      try {
        const member = await this.#open(peer, generator);
        await member.awake(() => prepare(member));
        this.members.push(member);
      } catch (error) {
        const why = `${peer.name}: ${error instanceof Error ? error.message : String(error)}`;
        this.missing.push(why);
        this.#progress(`without ${why}`);
      }
    }
  }

  /** Ends everything; the last first. */
  async close(): Promise<void> {
    for (const close of this.#closers.reverse()) await close().catch((error: unknown) => this.#progress(String(error)));
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #open(description: Peer, generator: string): Promise<Member> {
    const stage = await openStage();
    this.#closers.push(() => closeStage(stage));
    const http = this.#startHttp(stage.server);
    this.#closers.push(() => http.stop());
    const bulk = startInNamespace(
      stage.server,
      ['iperf3', '-s', '-p', '5201', '--forceflush'],
      join(this.folder, `${stage.server}-iperf`),
    );
    this.#closers.push(() => bulk.stop());
    const peer = await description.start(stage, this.folder);
    this.#closers.push(() => peer.stop());
    peer.pause();
    const awake = async <Result>(work: () => Promise<Result>): Promise<Result> => {
      peer.resume();
      try {
        return await work();
      } finally {
        peer.pause();
      }
    };
    return { description, stage, peer, serverPid: http.pid, generator, awake };
  }

  #startHttp(server: string): LabProcess {
    const file = join(this.folder, `${server}-http.conf`);
    writeFileSync(file, realServerConfig(this.folder, server));
    return startInNamespace(
      server,
      ['nginx', '-e', 'stderr', '-p', this.folder, '-c', file],
      join(this.folder, `${server}-http.log`),
    );
  }
}
