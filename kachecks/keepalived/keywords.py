"""Every keyword of keepalived.conf, its block, and what keepalived does without its parameter.

From ``install_keyword`` in keepalived's vrrp_parser.c, global_parser.c, track_file.c, bfd_parser.c
and check/*.c. Which keywords end all of keepalived where their parameter is missing was tried,
keyword by keyword, with ``keepalived -t`` of 2.1.5, 2.2.7, 2.3.3 and 2.3.4, which agree; and so was
which of them each is known to. What 2.4 has added is here by its release notes, its manual and its
source (vrrp_auth_hmac.c) alone, and was not tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

Version = tuple[int, int]
_OLDEST: Version = (2, 1)
NEWEST: Version = (2, 4)


class Keyword(NamedTuple):
    """What keepalived's parser knows of a word that begins a line."""

    ends: bool = False  # keepalived ends where its first parameter is missing
    first: bool = False  # the first such line of a block counts, not the last
    values: bool = False  # what stands in its braces are values, one a line
    block: Mapping[str, Keyword] | None = None  # what may stand in its braces
    since: Version = _OLDEST
    named: bool = False  # one name, and no other block of its kind with that name, or passed over
    once: bool = False  # a second one in the same block is passed over, and ends that block
    other: bool = False  # the VRRP process passes it over: it is read by another one
    command: bool = False  # its parameter is a command, which is split once more


Block = Mapping[str, Keyword]


def _words(
    bears: str = "", ends: str = "", values: str = "", first: str = "", later: Block | None = None
) -> dict[str, Keyword]:
    """A block.

    Args:
        bears: keywords that do without a parameter, or are passed over without it.
        ends: those whose missing parameter ends keepalived.
        values: those with a block of values.
        first: which of them count the first time.
        later: what is more to them, such as a block of their own.
    """
    known = {
        **{word: Keyword() for word in bears.split()},
        **{word: Keyword(ends=True) for word in ends.split()},
        **{word: Keyword(values=True) for word in values.split()},
    }
    known.update({word: known[word]._replace(first=True) for word in first.split()})
    return {**known, **(later or {})}


def _since(version: Version, known: Block, words: str) -> dict[str, Keyword]:
    return {word: known[word]._replace(since=version) for word in words.split()}


def _with(known: dict[str, Keyword], *more: Mapping[str, Keyword]) -> dict[str, Keyword]:
    for each in more:
        known.update(each)
    return known


_HOOKS = "notify_backup notify_master notify_fault notify_stop notify"
_TRACKING = "track_interface track_script track_file track_process track_bfd"

_GLOBAL = _words(
    bears="process_names router_id notification_email_from smtp_helo_name smtp_alert startup_script"
    " startup_script_timeout shutdown_script shutdown_script_timeout max_auto_priority"
    " min_auto_priority_delay smtp_alert_vrrp smtp_alert_checker checker_log_all_failures"
    " dynamic_interfaces no_email_faults default_interface disable_local_igmp lvs_timeouts"
    " lvs_flush lvs_flush_on_stop lvs_flush_onstop lvs_sync_daemon vrrp_min_garp vrrp_garp_extra_if"
    " vrrp_vmac_garp_intvl vrrp_lower_prio_no_advert vrrp_higher_prio_send_advert vrrp_iptables"
    " vrrp_ipsets nftables nftables_ifindex nftables_ipvs nftables_counters vrrp_check_unicast_src"
    " vrrp_skip_check_adv_addr vrrp_strict vrrp_priority vrrp_no_swap vrrp_rt_priority"
    " vrrp_cpu_affinity notify_fifo notify_fifo_script vrrp_notify_fifo vrrp_notify_fifo_script"
    " vrrp_notify_priority_changes fifo_write_vrrp_states_on_reload lvs_notify_fifo"
    " lvs_notify_fifo_script checker_priority checker_no_swap checker_rt_priority"
    " checker_cpu_affinity bfd_priority bfd_no_swap bfd_rt_priority bfd_cpu_affinity snmp_socket"
    " enable_traps enable_snmp_vrrp enable_snmp_keepalived enable_snmp_rfc enable_snmp_rfcv2"
    " enable_snmp_rfcv3 enable_snmp_checker enable_dbus dbus_service_name script_user"
    " enable_script_security vrrp_netlink_cmd_rcv_bufs vrrp_netlink_cmd_rcv_bufs_force"
    " vrrp_netlink_monitor_rcv_bufs vrrp_netlink_monitor_rcv_bufs_force process_monitor_rcv_bufs"
    " process_monitor_rcv_bufs_force lvs_netlink_cmd_rcv_bufs lvs_netlink_cmd_rcv_bufs_force"
    " lvs_netlink_monitor_rcv_bufs lvs_netlink_monitor_rcv_bufs_force rs_init_notifies"
    " no_checker_emails vrrp_rx_bufs_policy vrrp_rx_bufs_multiplier log_unknown_vrids"
    " reload_check_config reload_time_file reload_repeat reload_file include_check"
    " tmp_config_directory data_use_instance dbus_no_interface_name iproute_etc_dir iproute_usr_dir"
    " json_dump_file json_version state_dump_file stats_dump_file use_symlink_paths"
    " v3_checksum_as_v2 vrrp_owner_ignore_adverts vrrp_delay_after_boot",
    ends="process_name vrrp_process_name checker_process_name lvs_process_name bfd_process_name"
    " smtp_server smtp_connect_timeout vrrp_mcast_group4 vrrp_mcast_group6 vrrp_garp_master_delay"
    " vrrp_garp_master_repeat vrrp_garp_master_refresh vrrp_garp_master_refresh_repeat"
    " vrrp_garp_lower_prio_delay vrrp_garp_lower_prio_repeat vrrp_down_timer_adverts"
    " vrrp_garp_interval vrrp_gna_interval vrrp_version nftables_priority nftables_ipvs_priority"
    " nftables_ipvs_start_fwmark vrrp_rlimit_rttime vrrp_rlimit_rtime checker_rlimit_rttime"
    " checker_rlimit_rtime bfd_rlimit_rttime bfd_rlimit_rtime vrrp_startup_delay vmac_prefix"
    " vmac_addr_prefix umask random_seed config_save_dir snmp_rs_stats_update_interval"
    " snmp_vs_stats_update_interval",
    values="notification_email",
)
_with(
    _GLOBAL,
    _since(
        (2, 2),
        _GLOBAL,
        "checker_process_name vrrp_down_timer_adverts nftables_ipvs_priority"
        " nftables_ipvs_start_fwmark vmac_prefix vmac_addr_prefix config_save_dir"
        " disable_local_igmp lvs_flush_on_stop vrrp_garp_extra_if vrrp_vmac_garp_intvl"
        " nftables_ipvs fifo_write_vrrp_states_on_reload reload_check_config reload_file"
        " include_check tmp_config_directory data_use_instance",
    ),
    _since(
        (2, 3),
        _GLOBAL,
        "dbus_no_interface_name iproute_etc_dir iproute_usr_dir json_dump_file json_version"
        " state_dump_file stats_dump_file use_symlink_paths v3_checksum_as_v2"
        " vrrp_owner_ignore_adverts snmp_rs_stats_update_interval snmp_vs_stats_update_interval",
    ),
    _since((2, 4), _GLOBAL, "vrrp_delay_after_boot"),
)

_INSTANCE = _words(
    bears="use_vmac use_vmac_addr vmac_xmit_base use_ipvlan unicast_fault_no_peer"
    " check_unicast_src old_unicast_checksum native_ipv6 dont_track_primary track_src_ip"
    " promote_secondaries linkbeat_use_polling accept no_accept skip_check_adv_addr strict_mode"
    " preempt nopreempt notify_deleted smtp_alert notify_priority_changes garp_extra_if"
    " vmac_garp_intvl lower_prio_no_advert higher_prio_send_advert kernel_rx_buf_size"
    " no_virtual_ipaddress owner_ignore_adverts thread_timer_expired timer_expired_backup"
    " v3_checksum_as_v2",
    ends="state interface vrf mcast_src_ip unicast_src_ip mcast_dst_ip virtual_router_id"
    " unicast_ttl version priority advert_int preempt_delay debug notify_master_rx_lower_pri"
    " lvs_sync_daemon_interface garp_master_delay garp_master_refresh garp_master_repeat"
    f" garp_master_refresh_repeat garp_lower_prio_delay garp_lower_prio_repeat {_HOOKS}"
    " down_timer_adverts",
    values=f"unicast_peer virtual_ipaddress virtual_ipaddress_excluded virtual_routes"
    f" virtual_rules {_TRACKING}",
    first=f"notify_deleted notify_master_rx_lower_pri {_HOOKS}",
    later={
        "authentication": Keyword(block=_words(ends="auth_type auth_pass")),
        "auth_hmac": Keyword(
            block=_words("key active_key time_window anti_replay mode"), since=(2, 4)
        ),
    },
)
_with(
    _INSTANCE,
    _since(
        (2, 2),
        _INSTANCE,
        "vrf mcast_dst_ip down_timer_adverts use_vmac_addr unicast_fault_no_peer garp_extra_if"
        " vmac_garp_intvl",
    ),
    _since(
        (2, 3),
        _INSTANCE,
        "no_virtual_ipaddress owner_ignore_adverts thread_timer_expired timer_expired_backup"
        " v3_checksum_as_v2",
    ),
)

_GROUP = _words(
    bears="smtp_alert global_tracking sync_group_tracking_weight notify_priority_changes",
    ends=_HOOKS,
    values=_TRACKING,
    first=_HOOKS,
    later={"group": Keyword(values=True, once=True)},
)
_GROUP["notify_priority_changes"] = Keyword(since=(2, 2))
for _block in (_INSTANCE, _GROUP):
    _block.update(
        {word: known._replace(command=True) for word, known in _block.items() if known.first}
    )

_SCRIPT = _words(
    bears="init_fail",
    ends="interval timeout weight rise fall user",
    later={"script": Keyword(command=True)},
)
_FILE = _words(bears="file weight init_file", first="file")
_PROCESS = _words(
    bears="param_match weight full_command",
    ends="process quorum quorum_max delay terminate_delay fork_delay",
    first="process",
)
_GARP = _words(ends="garp_interval gna_interval interface", values="interfaces")
_BFD = _words(
    bears="passive vrrp checker multihop",
    ends="source_ip neighbor_ip neighbour_ip min_rx min_tx idle_tx multiplier ttl hoplimit max_hops"
    " weight",
)
_BFD["multihop"] = Keyword(since=(2, 3))

_CONNECTING = "connect_ip connect_port bindto bind_port bind_if connect_timeout fwmark"
_PATIENT = "retry delay_before_retry warmup delay_loop"


def _checker(bears: str = "", ends: str = "", later: Block | None = None) -> Keyword:
    """A way to check a real_server that connects to it."""
    return Keyword(
        block=_words(
            f"alpha log_all_failures {bears}", f"{_CONNECTING} {_PATIENT} {ends}", later=later
        )
    )


_URL = Keyword(
    block=_words(
        bears="status_code virtualhost regex regex_no_match regex_options regex_min_offset"
        " regex_max_offset regex_stack",
        ends="path digest",
    )
)
_HTTP = "virtualhost http_protocol enable_sni fast_recovery"
_REAL_SERVER = _words(
    bears="inhibit_on_failure alpha smtp_alert virtualhost",
    ends="weight lvs_method uthreshold lthreshold notify_up notify_down connect_timeout"
    f" {_PATIENT}",
    later={
        "snmp_name": Keyword(since=(2, 2)),
        "TCP_CHECK": _checker(),
        "PING_CHECK": _checker(),
        "HTTP_GET": _checker(_HTTP, "nb_get_retry", {"url": _URL}),
        "SSL_GET": _checker(
            _HTTP, "nb_get_retry", {"url": _URL, "tls_compliant": Keyword(since=(2, 3))}
        ),
        "SMTP_CHECK": _checker("helo_name", later={"host": _checker()}),
        "DNS_CHECK": _checker(ends="type name"),
        "UDP_CHECK": _checker(
            "require_reply",
            later={
                "payload": Keyword(since=(2, 2)),
                "min_reply_length": Keyword(ends=True, since=(2, 2)),
                "max_reply_length": Keyword(ends=True, since=(2, 2)),
            },
        ),
        "MISC_CHECK": Keyword(
            block=_words(
                "alpha log_all_failures misc_path misc_dynamic user", f"misc_timeout {_PATIENT}"
            )
        ),
        "FILE_CHECK": Keyword(block=_words("weight", "track_file")),
        "BFD_CHECK": Keyword(block=_words("name alpha")),
    },
)
_VIRTUAL_SERVER = _words(
    bears="inhibit_on_failure hashed ops flag-1 flag-2 flag-3 sh-port sh-fallback mh-port"
    " mh-fallback persistence_timeout ha_suspend smtp_alert virtualhost alpha omega"
    " sorry_server_inhibit sorry_server_lvs_method",
    ends="ip_family connect_timeout lb_algo lvs_sched lb_kind lvs_method persistence_engine"
    " persistence_granularity protocol quorum_up quorum_down quorum hysteresis weight sorry_server"
    f" {_PATIENT}",
    later={
        "snmp_name": Keyword(since=(2, 2)),
        "real_server": Keyword(ends=True, block=_REAL_SERVER),
    },
)

ROOT: Block = _words(
    bears="linkbeat_use_polling net_namespace net_namespace_ipvs namespace_with_ipsets use_pid_dir"
    " instance",
    ends="child_wait_time",
    values="static_ipaddress static_routes static_rules linkbeat_interfaces",
    later={
        "interface_up_down_delays": Keyword(values=True, since=(2, 2)),
        "global_defs": Keyword(other=True, block=_GLOBAL),
        "track_group": Keyword(named=True, block={"group": Keyword(values=True, once=True)}),
        "vrrp_sync_group": Keyword(named=True, block=_GROUP),
        "garp_group": Keyword(block=_GARP),
        "vrrp_instance": Keyword(named=True, block=_INSTANCE),
        "vrrp_script": Keyword(ends=True, block=_SCRIPT),
        "vrrp_track_process": Keyword(ends=True, block=_PROCESS),
        "track_file": Keyword(ends=True, block=_FILE),
        "vrrp_track_file": Keyword(ends=True, block=_FILE),
        "bfd_instance": Keyword(ends=True, block=_BFD),
        "virtual_server": Keyword(ends=True, other=True, block=_VIRTUAL_SERVER),
        "virtual_server_group": Keyword(ends=True, other=True, values=True),
        "SSL": Keyword(other=True, block=_words("password ca certificate key")),
    },
)
"""What may stand outside all braces."""
