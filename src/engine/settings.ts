/**
 * The run-time settings as the engine reads them: flat fields, one per question that a packet asks. Filled from the values under the
 * kernel's names (base/settings.ts) when they change; read on the long way only.
 */
import { defaultSettings, isSettingName, type SettingValue, type SettingValues } from '../base/settings.ts';

/** Bit of conn_reuse_mode: a one-sided connection in FIN_WAIT may be reused, too. */
const REUSE_FIN_WAIT = 2;

export class EngineSettings {
  /** All values as they were set, also of settings that mean nothing to the engine. */
  readonly values: SettingValues = defaultSettings();
  expireNodestConn = false;
  expireQuiescentTemplate = false;
  /** A SYN ends a connection that is about to end, and is scheduled anew. */
  reusesClosing = true;
  /** `reusesClosing` holds for FIN_WAIT of one-sided connections, too. */
  reusesFinWait = false;
  sloppyTcp = false;
  sloppySctp = false;
  scheduleIcmp = false;
  natIcmpSend = false;
  cacheBypass = false;
  pmtuDisc = true;
  runEstimation = true;
  lblcExpirationSeconds = 0;
  lblcrExpirationSeconds = 0;

  constructor() {
    this.#spread();
  }

  /** Takes over one checked value. @returns false when it was the same before, or no setting has this name */
  set(name: string, value: SettingValue): boolean {
    if (!isSettingName(name) || String(this.values[name]) === String(value)) return false;
    (this.values as Record<string, SettingValue>)[name] = value;
    this.#spread();
    return true;
  }

  #spread(): void {
    const v = this.values;
    this.expireNodestConn = v.expire_nodest_conn !== 0;
    this.expireQuiescentTemplate = v.expire_quiescent_template !== 0;
    this.reusesClosing = v.conn_reuse_mode !== 0;
    this.reusesFinWait = (v.conn_reuse_mode & REUSE_FIN_WAIT) !== 0;
    this.sloppyTcp = v.sloppy_tcp !== 0;
    this.sloppySctp = v.sloppy_sctp !== 0;
    this.scheduleIcmp = v.schedule_icmp !== 0;
    this.natIcmpSend = v.nat_icmp_send !== 0;
    this.cacheBypass = v.cache_bypass !== 0;
    this.pmtuDisc = v.pmtu_disc !== 0;
    this.runEstimation = v.run_estimation !== 0;
    this.lblcExpirationSeconds = v.lblc_expiration;
    this.lblcrExpirationSeconds = v.lblcr_expiration;
  }
}
