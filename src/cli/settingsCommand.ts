/** `uvs settings`: the run-time settings of a running director, shown and changed. */
import { DEFAULT_SOCKET } from '../api/socketPath.ts';
import { changeSettings, fetchSettings } from '../api/statusClient.ts';
import { UvsError } from '../base/errors.ts';
import { checkSetting, isSettingName, SETTINGS, type SettingValue } from '../base/settings.ts';
import { nearestName } from '../config/nearestName.ts';
import { parseCommandLine } from './commandLine.ts';

const HELP = `Usage: uvs settings [NAME=VALUE ...] [--json] [--socket PATH]

Shows the run-time settings of a running director under the kernel's names, or changes some of them: all, or none when one is
refused. They stay until the configuration is read again, whose section \`settings\` is for good. docs/reference/settings.md says
what each does.

  sloppy_tcp=1            a number
  sync_threshold=3,50     the one that is a pair

  --json          print all settings as JSON
  --socket PATH   the director's socket (default ${DEFAULT_SOCKET})
`;

const OPTIONS = { json: { type: 'boolean' }, socket: { type: 'string' } } as const;

/** Rejects with UvsError SETTING_INVALID or DIRECTOR_UNREACHABLE. */
export async function settingsCommand(args: readonly string[]): Promise<number> {
  const assignments = args.filter((arg) => /^\w+=/.test(arg));
  const others = args.filter((arg) => !assignments.includes(arg));
  const { values, wantsHelp } = parseCommandLine(others, { name: 'uvs settings', options: OPTIONS, positionals: [] });
  if (wantsHelp) {
    process.stdout.write(HELP);
    return 0;
  }
  const socket = values.socket ?? DEFAULT_SOCKET;
  const changes = Object.fromEntries(assignments.map(parseAssignment));
  const settings = assignments.length === 0 ? await fetchSettings(socket) : await changeSettings(socket, changes);
  process.stdout.write(values.json === true ? `${JSON.stringify(settings, null, 2)}\n` : settingsText(settings));
  return 0;
}

/** `sloppy_tcp=1` or `sync_threshold=3,50`. @throws UvsError SETTING_INVALID */
export function parseAssignment(text: string): [name: string, value: SettingValue] {
  const at = text.indexOf('=');
  const name = text.slice(0, at);
  const written = text.slice(at + 1);
  const [first = Number.NaN, second, ...more] = written
    .split(/[\s,]+/)
    .map((part) => (/^-?\d+$/.test(part) ? Number(part) : Number.NaN));
  const value: SettingValue = second === undefined ? first : [first, second];
  const fault = checkSetting(name, value);
  if (fault === undefined && more.length === 0) return [name, value];
  const near = isSettingName(name)
    ? undefined
    : nearestName(
        name,
        SETTINGS.map((setting) => setting.name),
      );
  const message =
    isSettingName(name) && Number.isNaN(first) ? `${name} cannot be "${written}"` : (fault?.message ?? `"${text}" is too long`);
  const hint = near === undefined ? fault?.hint : `Did you mean ${near}?`;
  throw new UvsError('SETTING_INVALID', message, hint === undefined ? {} : { hint });
}

/** One line for each: name, value, and the default where it is another. */
export function settingsText(settings: Readonly<Record<string, SettingValue>>): string {
  const width = Math.max(...SETTINGS.map(({ name }) => name.length));
  const lines = SETTINGS.filter(({ role }) => role !== 'refused').map((facts) => {
    const value = settings[facts.name];
    const isDefault = JSON.stringify(value) === JSON.stringify(facts.default);
    return `${facts.name.padEnd(width)}  ${text(value)}${isDefault ? '' : `  (default ${text(facts.default)})`}\n`;
  });
  return lines.join('');
}

function text(value: SettingValue | undefined): string {
  return value === undefined ? '-' : typeof value === 'number' ? String(value) : value.join(',');
}
