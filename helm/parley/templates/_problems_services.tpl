{{/* What is wrong with the values of the services, a sentence a line: it names the value, and the fix. */}}

{{- define "parley.problems.services" -}}
{{- if or .Values.defaults.image.repository .Values.defaults.image.digest }}
defaults.image would give all services one image: use image.registry and image.repositoryPrefix, or say it for each service, e.g. gateway.image.repository.
{{- end }}
{{- $written := dict
  "gateway" (list "LISTEN" "PUBLIC_URL" "SESSION_ADDRESS" "NOTIFIER_ADDRESS" "TWILIO_ACCOUNTS" "TWILIO_ACCOUNTS_FILE")
  "session" (list "LISTEN" "DATABASE_URL" "AGENTS" "NOTIFIER_ADDRESS" "MAX_TURNS" "DRAIN" "DATABASE_CONNECTIONS")
  "agent" (list "LISTEN" "DIRECTORY" "WORKERS" "WORKER_MEMORY_MIB" "ENVIRONMENT" "RELOAD")
  "notifier" (list "LISTEN" "DATABASE_URL" "SESSION_ADDRESS" "CALLBACK_URL" "SLOTS" "DATABASE_CONNECTIONS" "TWILIO_URL" "TWILIO_ACCOUNT_SID" "TWILIO_API_KEY" "TWILIO_AUTH_TOKEN")
  "operator" (list "LISTEN" "SESSION_ADDRESS" "PUBLIC_URL" "TWILIO_ACCOUNTS" "NAMESPACES" "PURCHASE_LIMIT" "DRY_RUN") }}
{{- range $name := splitList " " (include "parley.services" .) }}
{{- $values := include "parley.values" (dict "root" $ "name" $name) | fromYaml }}
{{- $own := printf "PARLEY_%s_" (upper $name) }}
{{- range $values.extraEnv }}
{{- if has .name (list "PARLEY_INSECURE_DEV" "PARLEY_TEST_CLOCK") }}
{{ $name }}.extraEnv has {{ .name }}, which is for one machine in development only: leave it out.
{{- else if or (has (trimPrefix $own .name) (index $written $name)) (regexMatch "^(HOME|PGPASSWORD|PGSSLROOTCERT|PARLEY_(API|LOG|TLS|OTLP|TRACE)_.*)$" .name) }}
{{ $name }}.extraEnv has {{ .name }}, which the chart writes from values of its own: set those (see README.md).
{{- else if and (hasPrefix "PARLEY_" .name) (not (hasPrefix $own .name)) }}
{{ $name }}.extraEnv has {{ .name }}, and settings of this service begin with {{ $own }}
{{- end }}
{{- end }}
{{- $drain := ternary (add 10 (int $values.turnDrainSeconds)) 30 (eq $name "session") }}
{{- if gt (add (int $values.preStopSleepSeconds) $drain) (int $values.terminationGracePeriodSeconds) }}
{{ $name }}.terminationGracePeriodSeconds is {{ int $values.terminationGracePeriodSeconds }}, and a pod needs {{ add (int $values.preStopSleepSeconds) $drain }} s to finish what it has (preStopSleepSeconds{{ if eq $name "session" }}, turnDrainSeconds and 10{{ else }} and 30{{ end }}): it would be killed. Write that many or more.
{{- end }}
{{- if ne $name "operator" }}
{{- include "parley.problems.scale" (dict "name" $name "values" $values) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "parley.problems.scale" }}
{{- $name := .name }}
{{- $values := .values }}
{{- $replicas := int $values.replicas }}
{{- with $values.autoscaling }}
{{- if .enabled }}
{{- $replicas = int .minReplicas }}
{{- if gt (int .minReplicas) (int .maxReplicas) }}
{{ $name }}.autoscaling.minReplicas is {{ int .minReplicas }}, more than maxReplicas, which is {{ int .maxReplicas }}: exchange them.
{{- end }}
{{- if not (dig "resources" "requests" "cpu" "" $values) }}
{{ $name }}.autoscaling.enabled is true and {{ $name }}.resources.requests.cpu is not set: the autoscaler measures in percent of it.
{{- end }}
{{- end }}
{{- end }}
{{- with $values.podDisruptionBudget }}
{{- $stay := toString .minAvailable }}
{{- $away := toString .maxUnavailable }}
{{- if .enabled }}
{{- if eq $stay "" }}
{{- if has $away (list "0" "0%") }}
{{ $name }}.podDisruptionBudget.maxUnavailable is {{ $away }}: no node with such a pod could ever be drained. Write 1.
{{- end }}
{{- else if or (eq $stay "100%") (and (regexMatch "^[0-9]+$" $stay) (ge (int $stay) $replicas)) }}
{{ $name }}.podDisruptionBudget.minAvailable is {{ $stay }} of {{ $replicas }} replicas: no node with such a pod could ever be drained. Write fewer, or add replicas.
{{- end }}
{{- end }}
{{- end }}
{{- end }}
