"""The real servers that tests run on: etcd, the Kubernetes control plane, and two lines of Prometheus.

Get them once with ``make servers`` (``PYTHONPATH=tests python -m servers build``); ``python -m servers status`` tells what
is there. Tests never build: where a program is missing they are skipped aloud, and fail with
``BINNACLE_REQUIRE_SERVERS=1``. With ``CI=true`` a skip that ``tests/expected_skips.txt`` does not list fails the run.

Fixtures (`servers.fixtures`, loaded by ``tests/conftest.py``)

============================  ========  ==================================================================================
``cluster``                   session   the cluster of ``--cluster=local|kind|kubeconfig:PATH``: a `Cluster`
``control_plane``             session   the same, when it is local: a `ControlPlane`; one for each xdist worker
``namespace``                 test      the name of a fresh namespace, deleted afterwards without waiting
``write_counter``             test      a `WriteCounter` on the audit log, proved by a control write
``crds_applied``              session   the names of the CRDs of ``crds/``, served
``prometheus_operator_crds``  test      the names of the stand-in CRDs of prometheus-operator, served for this test alone
``start_operator``            test      ``start_operator(config=, namespaces=, arguments=, server=)`` gives a running `OperatorProcess`
``prometheus_line``           session   a `PrometheusLine`; the test runs once with each of ``2.42`` and ``3.x``
``promtool``                  session   ``promtool(*arguments, input=, cwd=, check=, timeout=)`` of each line in turn
``start_prometheus``          test      ``start_prometheus(**arguments of Prometheus)`` gives a ready `Prometheus` of each line
============================  ========  ==================================================================================

Classes

`servers.cluster.Cluster`: ``kubeconfig``, ``kubectl(*arguments, input=, kubeconfig=, check=, timeout=)``, ``get(*arguments)``,
``exists(*arguments)``, ``apply(path | object | objects, kubeconfig=)``, ``server_version()``, ``endpoint()``,
``service_account_token(namespace, name)``, ``service_account_kubeconfig(namespace, name, server=)``,
``install_crds(*paths)``, ``remove_crds(*names)``; `KubectlError` has ``code`` and ``stderr``.

`servers.controlplane.ControlPlane` (a `Cluster`): ``with ControlPlane(directory, apiserver_flags=)``, ``url``, ``pids``,
``audit_log``, ``stop_apiserver()``, ``start_apiserver()``, ``restart_apiserver()``, ``kill_apiserver()``,
``restart_controllers()``, ``ensure_running()``, ``admin_kubeconfig(path, server=)``. ``python -m servers up`` runs one.

`servers.audit`: ``WriteCounter(log)`` with ``mark()``, ``since(mark)``, ``settle(mark, quiet=, limit=, user=)``,
``prove(cluster)``; `WriteRecord`; ``counted(records, user=, namespace=, resource=)`` leaves out Leases, Events and requests
that only ask; ``service_account_user(namespace, name)``.

`servers.prometheus`: ``PrometheusLine.find("2.42" | "3.x")`` with ``version``, ``left_open``, ``promtool(…)``,
``create_blocks(openmetrics, data)``, ``create_blocks_from_rules(start=, end=, rules=, url=, data=, step=)``;
``Prometheus(line, directory, rule_files=, config=, scrape=, features=, flags=, data=)`` with ``url``, ``start()``, ``stop()``,
``write_rules(name, document)``, ``configure(**sections)``, ``reload()``, ``wait_evaluated()``, ``query(expression, at)``,
``value(expression, at)``, ``query_range(expression, start=, end=, step=)``, ``rules()``, ``alerts()``.

`servers.target.MetricsTarget`: ``with MetricsTarget(function) as target`` serves what the function gives at each scrape, at
``target.address``; ``target.metrics`` may be replaced, ``target.down`` set.

`servers.operator.OperatorProcess`: the operator under its own account and generated rights; ``url``, ``log``, ``metrics()``,
``stop()``, ``kill()``, ``start()`` again; ``USER`` is its name in the audit log.

`servers.waiting`: ``eventually(condition, limit=)`` and ``await eventually_async(condition, limit=)``.

`servers.process.ServerProcess`: any further server; it ends with whoever started it, also after ``kill -9``.
"""
