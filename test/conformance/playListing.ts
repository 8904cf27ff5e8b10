/** Plays recorded listings (schema listing-1): commands, traffic, then every view, at once and again after six seconds. */
import { PERIOD_SECONDS, type Phase, possiblePhases } from './estimatorPhase.ts';
import { Ledger } from './ledger.ts';
import { playStep, type TrafficStep, trafficSteps } from './listingTraffic.ts';
import { applySettings } from './playScheduler.ts';
import type { ListingRecording } from './recording.ts';
import { Rig } from './rig.ts';
import { type LineResult, RigDirector, runLine } from './rigDirector.ts';
import { Shell, wordsOf } from './shell.ts';
import { compareText, comparisonFor } from './textComparison.ts';

const ROOM = 1024;
const LATER_SECONDS = 6;
/** From just before the estimator looks to just behind. */
const ACROSS_SECONDS = 0.4;

export async function playListing(recording: ListingRecording, ledger: Ledger): Promise<void> {
  const traffic = trafficSteps(recording, ledger);
  let best: Attempt | undefined;
  for (const phase of possiblePhases(recording, traffic)) {
    const attempt = new Attempt(recording, traffic, phase);
    await attempt.play();
    const hasOthers = attempt.ledger.failures.some(({ step }) => !attempt.estimated.has(step));
    if (best === undefined || hasOthers || attempt.ledger.failures.length < best.ledger.failures.length) best = attempt;
    // Only what the estimator has seen is worth another try.
    if (hasOthers || attempt.ledger.failures.length === 0) break;
  }
  if (best === undefined) ledger.fail('statistics', 'numbers that the estimator can have shown', 'others');
  else ledger.adopt(best.ledger);
}

class Attempt {
  readonly ledger = new Ledger();
  /** Steps that compare statistics or rates. */
  readonly estimated = new Set<string>();
  readonly #recording: ListingRecording;
  readonly #traffic: readonly TrafficStep[];
  readonly #phase: Phase;
  readonly #rig = new Rig({ connections: ROOM });
  readonly #director = new RigDirector(this.#rig);
  readonly #shell = new Shell(this.#rig);

  constructor(recording: ListingRecording, traffic: readonly TrafficStep[], phase: Phase) {
    this.#recording = recording;
    this.#traffic = traffic;
    this.#phase = phase;
  }

  async play(): Promise<void> {
    const { vips, local_routes: routes = [], sysctl = {}, commands, extra_commands: extra } = this.#recording;
    for (const vip of vips) this.#rig.host.addLocal(vip);
    for (const route of routes) this.#rig.host.addLocalRoute(route);
    applySettings(this.#rig, sysctl, this.ledger);
    for (const [command, exitCode, stdout = '', stderr = ''] of commands) {
      await this.#run('commands', command, { exitCode, stdout, stderr });
    }
    this.#playTraffic();
    await this.#compareListings('listings', this.#recording.listings);
    this.#rig.wait(LATER_SECONDS);
    await this.#compareListings('6 s later', this.#recording.listings_6s_later);
    for (const [command, exitCode, stdout, stderr] of extra) await this.#run('extra', command, { exitCode, stdout, stderr });
  }

  #playTraffic(): void {
    const { waitSeconds, stepSeconds, looks } = this.#phase;
    this.#rig.wait(waitSeconds);
    for (let i = 0; i <= this.#traffic.length; i++) {
      for (const [place, look] of looks.entries()) {
        if (look === i) this.#rig.wait(place === 0 ? ACROSS_SECONDS : PERIOD_SECONDS);
      }
      const step = this.#traffic[i];
      if (step !== undefined) playStep(step, this.#rig, this.ledger);
      this.#rig.wait(stepSeconds);
    }
  }

  async #compareListings(when: string, listings: ListingRecording['listings']): Promise<void> {
    for (const [command, record] of Object.entries(listings)) {
      if (command.startsWith('/proc/')) continue;
      if (typeof record === 'string') this.ledger.fail(`${when}: ${command}`, 'exit code and text', record);
      else await this.#run(when, command, { exitCode: record[0], stdout: record[1], stderr: record[2] });
    }
  }

  async #run(when: string, command: string, recorded: LineResult): Promise<void> {
    const step = `${when}: ${command}`;
    const [program = '', ...words] = wordsOf(command);
    if (program !== 'ipvsadm' && program !== 'ipvsadm-save') {
      const { exitCode, stderr } = this.#shell.run(command);
      compareText(step, 'exact', recorded, { exitCode, stdout: '', stderr }, this.ledger);
      return;
    }
    const args = program === 'ipvsadm-save' ? ['-S', ...words] : words;
    const { kind, isEstimated } = comparisonFor(args);
    if (isEstimated) this.estimated.add(step);
    compareText(step, kind, recorded, await runLine(args, this.#director, { hosts: this.#recording.hosts ?? {} }), this.ledger);
  }
}
