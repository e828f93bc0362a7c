"""Random schedules: promotion, demotion, check and reconcile, the real code, in a simulated world.

Two nodes (node), each with a kernel, a mysqld (server), a keepalived (vrrp) and the programs that
run on it (programs), which are greenlets in virtual time (scheduler) and see the world through the
parts of a real Node (outside, sessions). Between the nodes lie links (network) and replication;
clients write through the VIP. One number gives one schedule of faults (faults), now and then with
a special kind of trouble or load (kinds: calm, troubles, made of the parts in scene), and one run
of it (play). What must always hold is looked at after each step (invariants, duties). planted
proves that it would be noticed.

    python -m tests.schedules --seed 875       replay one, with its log
    python -m tests.schedules --count 1000     play many
    python -m tests.schedules --kind late      all of that kind, even if it is off
    python -m tests.schedules --plant c        with a bug in the real code
"""
