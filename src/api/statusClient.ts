/** What a program asks of a running director, each question as a function. */
import type { SettingValue } from '../base/settings.ts';
import type { DirectorStatus, ServiceKey } from '../control/directorStatus.ts';
import { askDirector } from './apiClient.ts';

/**
 * @param connections how many connections to list at most
 * @returns rejects with UvsError DIRECTOR_UNREACHABLE when nobody answers in time, or what answers is no director
 */
export async function fetchStatus(socketPath: string, connections: number): Promise<DirectorStatus> {
  return (await askDirector(socketPath, { method: 'GET', path: `/v1/status?connections=${connections}` })) as DirectorStatus;
}

/** The run-time settings under the kernel's names. */
export async function fetchSettings(socketPath: string): Promise<Readonly<Record<string, SettingValue>>> {
  return (await askDirector(socketPath, { method: 'GET', path: '/v1/settings' })) as Record<string, SettingValue>;
}

/** @returns all settings as they are then; rejects with UvsError SETTING_INVALID when one is refused, and then none has changed */
export async function changeSettings(
  socketPath: string,
  values: Readonly<Record<string, SettingValue>>,
): Promise<Readonly<Record<string, SettingValue>>> {
  const answer = await askDirector(socketPath, { method: 'PATCH', path: '/v1/settings', body: values });
  return answer as Record<string, SettingValue>;
}

/** Counters show from then on what comes from then on. @param service undefined = all, and the total */
export async function zeroStatistics(socketPath: string, service?: ServiceKey): Promise<void> {
  await askDirector(socketPath, { method: 'POST', path: '/v1/statistics/zero', body: service === undefined ? {} : { service } });
}
