{{- define "leads.selector" -}}
app.kubernetes.io/name: leads
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "leads.labels" -}}
{{ include "leads.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "leads.metadata" -}}
name: {{ .Release.Name }}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "leads.labels" . | nindent 2 }}
{{- end }}

{{- /* What the pods of the service and of the migration have in common. */ -}}
{{- define "leads.pod" -}}
serviceAccountName: {{ .Release.Name }}
automountServiceAccountToken: false
# Else the cluster adds variables LEADS_PORT and so on, which the service would warn about.
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
volumes:
  - {name: tmp, emptyDir: {sizeLimit: 64Mi}}
  - {name: secrets, secret: {secretName: {{ .Values.secret.name }}, defaultMode: 288}}
{{- end }}

{{- define "leads.container" -}}
image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
imagePullPolicy: {{ .Values.image.pullPolicy }}
env:
  {{- range $variable, $value := .Values.settings }}
  - name: {{ $variable }}
    {{- /* A large number would be written as 2.097152e+06. */}}
    value: {{ if and (kindIs "float64" $value) (eq $value (floor $value)) }}{{ int64 $value | quote }}{{ else }}{{ $value | quote }}{{ end }}
  {{- end }}
  {{- range $variable, $key := .Values.secret.settings }}
  - name: {{ $variable }}_FILE
    value: /run/secrets/leads/{{ $key }}
  {{- end }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  - {name: secrets, mountPath: /run/secrets/leads, readOnly: true}
{{- end }}
