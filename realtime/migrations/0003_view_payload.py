from django.apps import apps
from django.db import migrations

# A site may give the app another label: see docs/integration.md.
label = apps.get_containing_app_config(__name__).label


class Migration(migrations.Migration):

    dependencies = [
        (label, '0002_erasure'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='event',
            options={
                'permissions': [('view_payload', 'Can see the contents of messages and events')],
                'verbose_name': 'event',
                'verbose_name_plural': 'events',
            },
        ),
    ]
