/** The entrance of this folder: text, or a file, to a frozen Config or to every fault that it has. */
import { readFileSync, statSync } from 'node:fs';
import { z } from 'zod';
import { UvsError } from '../base/errors.ts';
import { FaultList } from './faultList.ts';
import type { Config, LimitsConfig, TimeoutsConfig, VirtualServiceConfig } from './model.ts';
import { readClassification } from './readClassification.ts';
import { checkFullnat, readFullnat } from './readFullnat.ts';
import { readServices, type SchedulerNames } from './readServices.ts';
import { readSettings } from './readSettings.ts';
import { child, integer, readFields, type Shape, subtree, text } from './sectionReader.ts';
import { type Located, parseYamlTree } from './yamlTree.ts';

/** `config` is there exactly when `faults` is empty. */
export interface ConfigOutcome {
  readonly config: Config | undefined;
  /** In the order of the file. */
  readonly faults: readonly UvsError[];
}

/** Bytes; a thousand services with a hundred real servers each stay well below. */
export const MAX_CONFIG_BYTES = 16 * 1024 * 1024;

/** Classification rules; the kernel-side selector has room for what they take up. */
export const MAX_RULES = 256;

const MAX_TIMEOUT_SECONDS = 31 * 24 * 3600;

const FTP_PORTS_FORM = 'a list of 1 to 8 ports';

/** Keys at the top of the file. */
export const CONFIG_SHAPE = {
  interfaces: z.array(text('the name of an interface'), { error: 'a list of names of interfaces' }).default([]),
  services: z.unknown().refine((value) => value !== undefined, { error: 'a list of services' }),
  classification: subtree(),
  fullnat: subtree(),
  ftpPorts: z
    .array(integer(1, 65_535), { error: FTP_PORTS_FORM })
    .min(1, { error: FTP_PORTS_FORM })
    .max(8, { error: FTP_PORTS_FORM })
    .optional(),
  timeouts: subtree(),
  settings: subtree(),
  limits: subtree(),
};

/** Keys of `timeouts`, seconds. Defaults: specs, section 3. */
export const TIMEOUTS_SHAPE = {
  tcp: integer(1, MAX_TIMEOUT_SECONDS).default(900),
  tcpFin: integer(1, MAX_TIMEOUT_SECONDS).default(120),
  udp: integer(1, MAX_TIMEOUT_SECONDS).default(300),
};

/** Keys of `limits`. */
export const LIMITS_SHAPE = {
  connections: integer(256, 1 << 24).default(65_536),
  services: integer(1, 65_536).default(4096),
  destinations: integer(1, 1 << 20).default(32_768),
};

/** Reads and checks a file. A file that cannot be read is one fault. */
export function readConfigFile(path: string, schedulers: SchedulerNames): ConfigOutcome {
  let content: string;
  try {
    const { size } = statSync(path);
    if (size > MAX_CONFIG_BYTES) throw new Error(`it is larger than ${MAX_CONFIG_BYTES} bytes`);
    content = readFileSync(path, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const fault = new UvsError('CONFIG_UNREADABLE', `cannot read the configuration: ${reason}`, { place: { file: path }, cause });
    return { config: undefined, faults: [fault] };
  }
  return parseConfig(content, path, schedulers);
}

/** @param file name for the places of faults */
export function parseConfig(content: string, file: string, schedulers: SchedulerNames): ConfigOutcome {
  const faults = new FaultList();
  const root = parseYamlTree(content, file, faults);
  const config = root && readRoot(root, schedulers, faults);
  if (config === undefined || !faults.isEmpty) return { config: undefined, faults: faults.inFileOrder() };
  return { config: deepFreeze(config), faults: [] };
}

function readRoot(root: Located, schedulers: SchedulerNames, faults: FaultList): Config | undefined {
  const fields = readFields(root, 'the configuration', CONFIG_SHAPE, faults);
  if (fields === undefined) return undefined;
  const services = readServices(root, schedulers, faults);
  const classification = readClassification(root, faults);
  if (classification.length > MAX_RULES) {
    const message = `${classification.length} classification rules (one without a family counts twice), but there is room for ${MAX_RULES}`;
    const hint = 'Put ports of one target into one rule.';
    faults.add('CAPACITY_EXCEEDED', message, child(root, 'classification')?.place ?? root.place, hint);
  }
  const fullnat = readFullnat(root, faults);
  checkFullnat(root, services, fullnat, faults);
  const settings = readSettings(child(root, 'settings'), faults);
  const timeouts = readPart(root, 'timeouts', TIMEOUTS_SHAPE, faults);
  const limits = readPart(root, 'limits', LIMITS_SHAPE, faults);
  const { interfaces, ftpPorts } = fields.values;
  if (interfaces === undefined || timeouts === undefined || limits === undefined) return undefined;
  checkCapacity(root, services, limits, faults);
  const connections = 2 ** Math.ceil(Math.log2(limits.connections));
  const helper = ftpPorts === undefined ? {} : { ftpPorts };
  return { interfaces, services, classification, fullnat, ...helper, timeouts, settings, limits: { ...limits, connections } };
}

/** A section of settings that may be absent, as a whole or in part. @returns undefined when one of them is faulty */
function readPart(root: Located, key: 'timeouts', shape: typeof TIMEOUTS_SHAPE, faults: FaultList): TimeoutsConfig | undefined;
function readPart(root: Located, key: 'limits', shape: typeof LIMITS_SHAPE, faults: FaultList): LimitsConfig | undefined;
function readPart(root: Located, key: string, shape: Shape, faults: FaultList): unknown {
  const node: Located = child(root, key) ?? { kind: 'section', place: root.place, entries: [] };
  const values = readFields(node, key, shape, faults)?.values;
  return values !== undefined && Object.keys(shape).every((name) => values[name] !== undefined) ? values : undefined;
}

function checkCapacity(root: Located, services: readonly VirtualServiceConfig[], limits: LimitsConfig, faults: FaultList): void {
  const destinations = services.reduce((sum, service) => sum + service.realServers.length, 0);
  for (const [name, count, limit] of [
    ['services', services.length, limits.services],
    ['destinations', destinations, limits.destinations],
  ] as const) {
    if (count > limit) faults.add('CAPACITY_EXCEEDED', `${count} ${name}, but limits.${name} is ${limit}`, root.place);
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}
