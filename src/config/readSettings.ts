/** Reads `settings`: the run-time settings of IPVS under the kernel's names. base/settings.ts knows their ranges. */
import { checkSetting, isSettingName, SETTINGS, type SettingValue } from '../base/settings.ts';
import type { FaultList } from './faultList.ts';
import { nearestName } from './nearestName.ts';
import { describe } from './sectionReader.ts';
import type { Located, LocatedEntry } from './yamlTree.ts';

/** @returns the settings that are given and right */
export function readSettings(node: Located | undefined, faults: FaultList): Readonly<Record<string, SettingValue>> {
  if (node === undefined) return {};
  if (node.kind !== 'section') {
    const message = `settings must be a section with keys, not ${describe(node)}`;
    faults.add('CONFIG_INVALID', message, node.place, 'Write it with keys, such as "sloppy_tcp: 1".');
    return {};
  }
  return Object.fromEntries(node.entries.flatMap((entry) => readSetting(entry, faults)));
}

/** @returns name and value; nothing when they are faulty */
function readSetting({ key, place, value: node }: LocatedEntry, faults: FaultList): (readonly [string, SettingValue])[] {
  if (!isSettingName(key)) {
    const near = nearestName(
      key,
      SETTINGS.map(({ name }) => name),
    );
    const hint = near === undefined ? 'docs/reference/settings.md lists them.' : `Did you mean ${near}?`;
    faults.add('CONFIG_UNKNOWN_KEY', `there is no setting "${key}"`, place, hint);
    return [];
  }
  const value = settingValue(node);
  if (value === undefined) {
    const wanted = key === 'sync_threshold' ? 'a list of two whole numbers such as [3, 50]' : 'a whole number';
    faults.add(
      'CONFIG_INVALID',
      `${key} must be ${wanted}, not ${describe(node)}`,
      node.place,
      'docs/reference/settings.md says more.',
    );
    return [];
  }
  const fault = checkSetting(key, value);
  if (fault === undefined) return [[key, value]];
  faults.add(fault.code, fault.message, node.place, fault.hint);
  return [];
}

/** A number, a pair of numbers, or true and false for 1 and 0. @returns undefined for anything else */
function settingValue(node: Located): SettingValue | undefined {
  if (node.kind === 'section') return undefined;
  if (node.kind === 'scalar') return typeof node.value === 'boolean' ? Number(node.value) : numberOf(node);
  const [first, second, ...more] = node.items.map(numberOf);
  return first === undefined || second === undefined || more.length > 0 ? undefined : [first, second];
}

function numberOf(node: Located): number | undefined {
  return node.kind === 'scalar' && typeof node.value === 'number' ? node.value : undefined;
}
