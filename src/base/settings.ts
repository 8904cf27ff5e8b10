/**
 * The run-time settings of IPVS under the kernel's names (specs/ipvs.md section 2.10): what each means, its range and default.
 * docs/reference/settings.md lists them; a test compares the two.
 */

/** Most are numbers; `sync_threshold` is a pair. */
export type SettingValue = number | readonly [number, number];
